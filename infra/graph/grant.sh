#!/usr/bin/env bash
# Grants the identity that invites its Microsoft Graph permissions with az rest, as main.bicep
# does. For an admin of the tenant (Privileged Role Administrator) who is signed in with az login.
#
#   infra/graph/grant.sh OBJECT-ID [PERMISSION...]    grants all three permissions, or those named
#   infra/graph/grant.sh --list OBJECT-ID             lists what the identity has
#   infra/graph/grant.sh --revoke OBJECT-ID           removes all of them
set -euo pipefail

graph_app=00000003-0000-0000-c000-000000000000

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

role_id() {
  case $1 in
    User.Invite.All) echo 09850681-111b-4a89-9bed-3f2cae46d706 ;;
    GroupMember.ReadWrite.All) echo dbaae8cf-10b5-4b86-a4a1-f871c94c6695 ;;
    User.Read.All) echo df021288-bdef-4463-88db-98f22de89214 ;;
    *)
      echo "grant: $1 is not one of User.Invite.All, GroupMember.ReadWrite.All, User.Read.All" >&2
      exit 2
      ;;
  esac
}

mode=grant
case ${1:-} in
  --list | --revoke)
    mode=${1#--}
    shift
    ;;
esac
[ $# -ge 1 ] || usage
principal=$1
shift
[[ $principal =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]] || {
  echo "grant: $principal is not an object id; use the output identityPrincipalId of the deployment" >&2
  exit 2
}
command -v az >/dev/null || {
  echo 'grant: the Azure CLI is needed: https://learn.microsoft.com/cli/azure/install-azure-cli' >&2
  exit 1
}

# The address depends on the cloud.
graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}/v1.0
assignments=$graph/servicePrincipals/$principal/appRoleAssignments
resource=$(az rest --method get --url "$graph/servicePrincipals(appId='$graph_app')?\$select=id" --query id --output tsv)

held() { az rest --method get --url "$assignments" --query "value[?resourceId=='$resource'].[appRoleId, id]" --output tsv; }

case $mode in
  list)
    for permission in User.Invite.All GroupMember.ReadWrite.All User.Read.All; do
      if held | grep -q "^$(role_id "$permission")"; then
        echo "$permission: yes"
      else
        echo "$permission: no"
      fi
    done
    ;;
  revoke)
    for permission in User.Invite.All GroupMember.ReadWrite.All User.Read.All; do
      id=$(held | awk -v role="$(role_id "$permission")" '$1 == role { print $2 }')
      if [ -n "$id" ]; then
        az rest --method delete --url "$assignments/$id"
        echo "$permission: removed"
      fi
    done
    ;;
  grant)
    [ $# -gt 0 ] || set -- User.Invite.All GroupMember.ReadWrite.All User.Read.All
    # Check all names before granting the first.
    for permission; do role_id "$permission" >/dev/null; done
    for permission; do
      role=$(role_id "$permission")
      if held | grep -q "^$role"; then
        echo "$permission: granted already"
        continue
      fi
      az rest --method post --url "$assignments" --headers Content-Type=application/json \
        --body "{\"principalId\": \"$principal\", \"resourceId\": \"$resource\", \"appRoleId\": \"$role\"}" --output none
      echo "$permission: granted"
    done
    ;;
esac
