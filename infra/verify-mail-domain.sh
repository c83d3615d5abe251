#!/usr/bin/env bash
# Proves your own domain for the mails of the app: prints its DNS records, asks Azure to look for
# them, and says what Azure has found. Set mail.domain.verified once it says that all is verified.
# Sign in with az login first. Needs Contributor on the resource group.
#
#   infra/verify-mail-domain.sh                     the deployment of the azd environment
#   infra/verify-mail-domain.sh GROUP [DEPLOYMENT]  a deployment in a resource group; default name: guestlist
#   infra/verify-mail-domain.sh --records ...       prints the DNS records, and asks for nothing
#
# It ends with 0 once all is verified, with 3 as long as something is not, and with 1 on a failure.
set -euo pipefail

api=2026-03-18
kinds='Domain SPF DKIM DKIM2'

die() {
  echo "verify-mail-domain: $*" >&2
  exit 1
}

only=
if [ "${1:-}" = --records ]; then
  only=records
  shift
fi
command -v az >/dev/null || die 'the Azure CLI is needed: https://learn.microsoft.com/cli/azure/install-azure-cli'
az account show --output none || die 'sign in first with az login; azd auth login signs in azd, not az'
if [ $# -gt 0 ]; then
  group=$1
  deployment=${2:-guestlist}
  id=$(az deployment group show --resource-group "$group" --name "$deployment" --output tsv --query 'properties.outputs.mailDomainId.value') ||
    die "there is no deployment $deployment in $group, or it failed"
else
  id=${GUESTLIST_MAIL_DOMAIN:-}
fi
case $id in
  /subscriptions/*/providers/Microsoft.Communication/emailServices/*/domains/*) ;;
  *) die 'the deployment has no domain of your own for mails: set mail.domain in its parameters, and deploy it first' ;;
esac
domain=${id##*/}

# The address of Azure Resource Manager depends on the cloud.
azure=$(az cloud show --query endpoints.resourceManager --output tsv)
url=${azure%/}$id

# One line for each kind, separated by tabs: the kind, its record, and its state. A dash stands for
# what Azure does not tell, because read merges empty fields.
look() {
  local fields='' kind record
  for kind in $kinds; do
    record=properties.verificationRecords.$kind
    fields="$fields, ['$kind', $record.type || '-', $record.name || '-', $record.value || '-', properties.verificationStates.$kind.status || '-', properties.verificationStates.$kind.errorCode || '-']"
  done
  az rest --method get --url "$url?api-version=$api" --output tsv --query "[${fields#, }]"
}

state() { awk -F '\t' -v kind="$1" '$1 == kind { print $5 }' <<<"$found"; }

verified() {
  local kind
  for kind in $kinds; do
    [ "$(state "$kind")" = Verified ] || return 1
  done
}

ask() {
  echo "asking Azure to look for the record of $1"
  az rest --method post --url "$url/initiateVerification?api-version=$api" --headers Content-Type=application/json \
    --body "{\"verificationType\": \"$1\"}" --output none ||
    echo "Azure did not take the question about $1" >&2
}

found=$(look) || die "$domain can't be read"
echo "DNS records of $domain:"
echo
while IFS=$'\t' read -r kind type name value _; do
  # Azure names DKIM records without the domain. The others have its name.
  case $name in
    *._domainkey*) name=${name%%._domainkey*}._domainkey.$domain ;;
    *) name=$domain ;;
  esac
  printf '%-7s%-6s %s\n%14s%s\n' "$kind" "$type" "$name" '' "$value"
done <<<"$found"
echo
[ -z "$only" ] || exit 0

# Azure looks for the other records only once the domain is known to be yours. Each is asked for
# once: one that is not found is not found seconds later either.
asked=' '
for _ in $(seq "${TRIES:-20}"); do
  wait=
  for kind in $kinds; do
    case $(state "$kind") in
      Verified) continue ;;
      VerificationRequested | VerificationInProgress)
        wait=yes
        continue
        ;;
    esac
    case $asked in
      *" $kind "*) continue ;;
    esac
    if [ "$kind" = Domain ] || [ "$(state Domain)" = Verified ]; then
      ask "$kind"
      asked="$asked$kind "
      wait=yes
    fi
  done
  [ -n "$wait" ] || break
  sleep "${PAUSE:-15}"
  found=$(look) || die "$domain can't be read"
done

while IFS=$'\t' read -r kind _ _ _ status code; do
  case $code in
    -) echo "$kind: $status" ;;
    *) echo "$kind: $status ($code)" ;;
  esac
done <<<"$found"
if verified; then
  echo
  echo "$domain is verified. Set verified: true in mail.domain of the parameters, and deploy again."
  exit 0
fi
cat <<END

$domain is not verified yet. Create the records above that are missing, and run this again: a new
record can take up to 30 minutes to be seen. Each name has to have the record exactly as it is above;
the SPF record has to end in -all, and a name has one SPF record only. See docs/deploy.md.
END
exit 3
