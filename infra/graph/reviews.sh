#!/usr/bin/env bash
# Makes, or changes, the app registration that people sign in to for the review pages, as
# reviews.bicep does, and with the same file of parameters. It can be run again at any time. For an
# admin of the tenant (Cloud Application Administrator) who is signed in with az login.
#
#   infra/graph/reviews.sh [FILE]         makes or changes it; default FILE: reviews.bicepparam beside this script
#   infra/graph/reviews.sh --list [FILE]  shows it, and changes nothing
#
# Like the template it takes no role away from anybody. It leaves out the parameter owners.
set -euo pipefail

graph_app=00000003-0000-0000-c000-000000000000
scopes='openid profile User.Read'

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

die() {
  echo "reviews: $*" >&2
  exit 1
}

mode=make
case ${1:-} in
  --list)
    mode=list
    shift
    ;;
  -*) usage ;;
esac
[ $# -le 1 ] || usage
file=${1:-$(dirname "${BASH_SOURCE[0]}")/reviews.bicepparam}
[ -f "$file" ] || die "there is no file $file"
text=$(grep -v '^ *//' "$file")

# given NAME FORM DEFAULT prints the value of a parameter, without quotes and brackets.
given() {
  if ! grep -qE "^param $1 *=" <<<"$text"; then
    echo "$3"
  elif [[ $'\n'$text$'\n' =~ $'\n'"param $1"\ *=\ *($2)[[:space:]] ]]; then
    tr -d "'[]" <<<"${BASH_REMATCH[1]}"
  else
    die "$file: the value of $1 can't be read; write it as it is, without an expression"
  fi
}
string="'[^'\"\\$]*'"
list="\[[^]]*\]"
origin=$(given origin "$string" '')
identity=$(given identityPrincipalId "$string" '')
name=$(given displayName "$string" 'Guestlist reviews')
unique=$(given uniqueName "$string" guestlist-reviews)
required=$(given assignmentRequired 'true|false' false)
enabled=$(given enabled 'true|false' true)
origin=${origin%/}
# Entra compares it with the case that tokens have.
identity=$(tr 'A-F' 'a-f' <<<"$identity")

guid='[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
[[ $origin =~ ^https://[^/?#@[:space:]]+$ ]] || die "$file: origin is not https:// and a host: the output reviewOrigin of the deployment"
[[ $identity =~ ^$guid$ && $identity =~ [1-9a-fA-F] ]] ||
  die "$file: identityPrincipalId is not an object id: the output reviewIdentityPrincipalId of the deployment"
[[ $unique =~ ^[A-Za-z0-9-]{1,60}$ ]] || die "$file: uniqueName may have letters, digits and hyphens"

# The roles, with their ids in reviews.bicep and the parameter that names who has them.
roles='
d06b8f14-65f7-48d2-a4fd-457d5b74e4a4|Reviewer|Reviewer|Decides any request.|reviewers
edfa9621-d3e8-4f9e-8dc5-bfb6ac9be8f3|Operator|Operator|Tries again what failed.|operators
d47465c4-32fd-4abf-b3fc-c6841852a015|PolicyReader|Policy reader|Sees policy rows and what they decide.|policyReaders
5a643005-e5d2-4c12-8ed2-a1ecfe5aac6e|Auditor|Auditor|Sees everything, decides nothing.|auditors'
app_roles='' assigned=''
while IFS='|' read -r id value title description people; do
  [ -n "$id" ] || continue
  app_roles="$app_roles, {\"id\": \"$id\", \"value\": \"$value\", \"displayName\": \"$title\", \"description\": \"$description\", \"allowedMemberTypes\": [\"User\"], \"isEnabled\": true}"
  list_of=$(given "$people" "$list" '')
  for person in ${list_of//,/ }; do
    [[ $person =~ ^$guid$ ]] || die "$file: $people has $person, which is not an object id"
    assigned="$assigned$id $value $person"$'\n'
  done
done <<<"$roles"

command -v az >/dev/null || die 'the Azure CLI is needed: https://learn.microsoft.com/cli/azure/install-azure-cli'

# The addresses depend on the cloud.
IFS=$'\t' read -r cloud graph login < <(
  az cloud show --output tsv --query '[[name, endpoints.microsoftGraphResourceId, endpoints.activeDirectory]]'
) || die 'the cloud is not known: az cloud show'
graph=${graph%/}/v1.0
tenant=$(az account show --query tenantId --output tsv) || die 'sign in first with az login'
case $cloud in
  AzureUSGovernment) audience=api://AzureADTokenExchangeUSGov ;;
  AzureChinaCloud) audience=api://AzureADTokenExchangeChina ;;
  *) audience=api://AzureADTokenExchange ;;
esac

look() { az rest --method get --url "$1" --query "$2" --output tsv; }

# A new object is not known everywhere at once.
again() {
  for attempt in 1 2 3 4 5; do
    if "$@"; then
      return
    fi
    [ "$attempt" = 5 ] || sleep "${PAUSE:-10}"
  done
  return 1
}

# put ADDRESS BODY WHAT makes the object at the address, or changes it.
put() {
  again az rest --method patch --url "$1" --headers Content-Type=application/json Prefer=create-if-missing --body "$2" --output none ||
    die "Microsoft Graph refuses $3; the role Cloud Application Administrator is needed"
}

application="$graph/applications(uniqueName='$unique')"
if [ "$mode" = list ]; then
  client=$(look "$application?\$select=appId" appId) || die "there is no registration $unique"
  principal=$(look "$graph/servicePrincipals(appId='$client')?\$select=id" id)
  echo "client id: $client"
  look "$graph/servicePrincipals(appId='$client')?\$select=accountEnabled" accountEnabled | sed 's/^/people can sign in: /'
  look "$application?\$select=web" 'web.redirectUris[]' | sed 's/^/redirect URI: /'
  look "$graph/applications(appId='$client')/federatedIdentityCredentials" 'value[].subject' | sed 's/^/identity: /'
  look "$graph/servicePrincipals/$principal/oauth2PermissionGrants" "value[?consentType=='AllPrincipals'].scope" | sed 's/^/consent for everybody: /'
  held=$(look "$graph/servicePrincipals/$principal/appRoleAssignedTo?\$top=999" 'value[].[appRoleId, principalId]')
  while IFS='|' read -r id value _; do
    [ -n "$id" ] || continue
    awk -v id="$id" -v value="$value" '$1 == id { print value ": " $2 }' <<<"$held"
  done <<<"$roles"
  exit
fi

put "$application" "{\"displayName\": \"$name\", \"signInAudience\": \"AzureADMyOrg\", \"web\": {\"homePageUrl\": \"$origin/reviews\", \"redirectUris\": [\"$origin/reviews/signed-in\", \"$origin/reviews/signed-out\"], \"implicitGrantSettings\": {\"enableAccessTokenIssuance\": false, \"enableIdTokenIssuance\": false}}, \"appRoles\": [${app_roles#, }], \"optionalClaims\": {\"idToken\": [{\"name\": \"acct\"}]}, \"requiredResourceAccess\": [{\"resourceAppId\": \"$graph_app\", \"resourceAccess\": [{\"id\": \"37f7f235-527c-4136-accd-4a02d197296e\", \"type\": \"Scope\"}, {\"id\": \"14dad69e-099b-42c9-810b-d002981feec1\", \"type\": \"Scope\"}, {\"id\": \"e1fe6dd8-ba31-4d61-89e7-88639da4683d\", \"type\": \"Scope\"}]}]}" 'the registration'
client=$(again look "$application?\$select=appId" appId)
echo "registration: $unique"

put "$graph/servicePrincipals(appId='$client')" "{\"accountEnabled\": $enabled, \"appRoleAssignmentRequired\": $required, \"tags\": [\"WindowsAzureActiveDirectoryIntegratedApp\"]}" 'the enterprise application'
principal=$(again look "$graph/servicePrincipals(appId='$client')?\$select=id" id)
echo "people can sign in: $enabled"

put "$graph/applications(appId='$client')/federatedIdentityCredentials(name='managed-identity')" "{\"description\": \"The managed identity that serves the review pages.\", \"audiences\": [\"$audience\"], \"issuer\": \"${login%/}/$tenant/v2.0\", \"subject\": \"$identity\"}" 'the federated credential'
echo "identity: $identity"

resource=$(look "$graph/servicePrincipals(appId='$graph_app')?\$select=id" id)
grant=$(look "$graph/servicePrincipals/$principal/oauth2PermissionGrants" "value[?consentType=='AllPrincipals' && resourceId=='$resource'].[id, scope]")
if [ -z "$grant" ]; then
  az rest --method post --url "$graph/oauth2PermissionGrants" --headers Content-Type=application/json --output none \
    --body "{\"clientId\": \"$principal\", \"resourceId\": \"$resource\", \"consentType\": \"AllPrincipals\", \"scope\": \"$scopes\"}"
elif [ "${grant#*$'\t'}" != "$scopes" ]; then
  az rest --method patch --url "$graph/oauth2PermissionGrants/${grant%%$'\t'*}" --headers Content-Type=application/json --output none \
    --body "{\"scope\": \"$scopes\"}"
fi
echo "consent for everybody: $scopes"

held=$(look "$graph/servicePrincipals/$principal/appRoleAssignedTo?\$top=999" 'value[].[appRoleId, principalId]')
while read -r id value person; do
  [ -n "$id" ] || continue
  if awk '{ print tolower($1 " " $2) }' <<<"$held" | grep -qx "$id $(tr 'A-F' 'a-f' <<<"$person")"; then
    echo "$value: $person already"
    continue
  fi
  az rest --method post --url "$graph/servicePrincipals/$principal/appRoleAssignedTo" --headers Content-Type=application/json --output none \
    --body "{\"principalId\": \"$person\", \"resourceId\": \"$principal\", \"appRoleId\": \"$id\"}"
  echo "$value: $person"
done <<<"$assigned"
echo "client id, for settings.GUESTLIST_SIGN_IN_CLIENT_ID: $client"
