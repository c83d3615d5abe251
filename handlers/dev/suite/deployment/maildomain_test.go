package deployment

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// domainAz answers the calls of az in verify-mail-domain.sh. It keeps the state of each record in
// a file of the folder $STATE. A record that is asked about is found at the next look but one, or
// not if $MISSING names it.
const domainAz = `#!/usr/bin/env bash
set -euo pipefail
domain=/subscriptions/s/resourceGroups/rg/providers/Microsoft.Communication/emailServices/mail-x/domains/guests.wingtiptoys.example
case "$1 $2 $3" in
'account show --output') [ -z "${SIGNED_OUT-}" ] ;;
'cloud show --query') echo https://management.usgovcloudapi.net/ ;;
'deployment group show') [ -n "${ID-}" ] && echo "$ID" || exit 3 ;;
"rest --method get")
  [ "$5" = "https://management.usgovcloudapi.net$domain?api-version=2026-03-18" ] || exit 1
  for kind in Domain SPF DKIM DKIM2; do
    state=$(cat "$STATE/$kind")
    case $kind in
    DKIM*) record="CNAME	selector${kind#DKIM}-azurecomm-prod-net._domainkey.guests	key$kind.azurecomm.net" ;;
    *) record="TXT	guests	value of $kind" ;;
    esac
    code=-
    [ "$state" != VerificationFailed ] || code=NotFound
    printf '%s\t%s\t%s\t%s\n' "$kind" "$record" "$state" "$code"
    if [ "$state" = VerificationRequested ]; then
      echo VerificationInProgress >"$STATE/$kind"
    elif [ "$state" = VerificationInProgress ]; then
      case " ${MISSING-} " in
      *" $kind "*) echo VerificationFailed >"$STATE/$kind" ;;
      *) echo Verified >"$STATE/$kind" ;;
      esac
    fi
  done ;;
"rest --method post")
  [ "$5" = "https://management.usgovcloudapi.net$domain/initiateVerification?api-version=2026-03-18" ] || exit 1
  kind=$(node -e 'console.log(JSON.parse(process.argv[1]).verificationType)' "$9")
  echo "$kind" >>"$STATE/asked"
  [ -z "${REFUSED-}" ] || exit 1
  echo VerificationRequested >"$STATE/$kind" ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`

func TestScriptVerifiesDomainOfMails(t *testing.T) {
	const id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Communication/emailServices/mail-x/domains/guests.wingtiptoys.example"
	all := []string{"Domain", "SPF", "DKIM", "DKIM2"}
	tests := map[string]struct {
		args, env []string
		state     string // of each record at first; default NotStarted
		asked     []string
		says      []string
		code      int
	}{
		"every record is there": {
			args: []string{"rg"}, env: []string{"ID=" + id}, asked: all,
			says: []string{
				"DKIM2  CNAME  selector2-azurecomm-prod-net._domainkey.guests.wingtiptoys.example\n",
				"SPF    TXT    guests.wingtiptoys.example\n              value of SPF\n",
				"Set verified: true",
			},
		},
		"it is verified already": {
			args: []string{"rg", "other"}, env: []string{"ID=" + id}, state: "Verified", says: []string{"Set verified: true"},
		},
		"an attempt failed before": {
			args: []string{"rg"}, env: []string{"ID=" + id}, state: "VerificationFailed", asked: all, says: []string{"Set verified: true"},
		},
		"Azure is still looking": {
			args: []string{"rg"}, env: []string{"ID=" + id}, state: "VerificationInProgress", says: []string{"Set verified: true"},
		},
		"the domain has no record": {
			args: []string{"rg"}, env: []string{"ID=" + id, "MISSING=Domain"}, asked: []string{"Domain"},
			says: []string{"Domain: VerificationFailed (NotFound)\nSPF: NotStarted\n", "is not verified yet"}, code: 3,
		},
		"one record is missing": {
			args: []string{"rg"}, env: []string{"ID=" + id, "MISSING=DKIM2"}, asked: all,
			says: []string{"DKIM: Verified\nDKIM2: VerificationFailed (NotFound)\n", "is not verified yet"}, code: 3,
		},
		"Azure takes no question": {
			args: []string{"rg"}, env: []string{"ID=" + id, "REFUSED=yes"}, asked: []string{"Domain"},
			says: []string{"did not take the question about Domain", "is not verified yet"}, code: 3,
		},
		"Azure takes longer": {
			args: []string{"rg"}, env: []string{"ID=" + id, "TRIES=1"}, asked: []string{"Domain"},
			says: []string{"Domain: VerificationRequested", "is not verified yet"}, code: 3,
		},
		"the records alone": {
			args: []string{"--records", "rg"}, env: []string{"ID=" + id}, says: []string{"value of Domain"},
		},
		"by azd":             {env: []string{"GUESTLIST_MAIL_DOMAIN=" + id}, asked: all, says: []string{"Set verified: true"}},
		"no domain":          {args: []string{"rg"}, env: []string{"ID=\n"}, says: []string{"no domain of your own"}, code: 1},
		"no domain with azd": {env: []string{"GUESTLIST_MAIL_DOMAIN="}, says: []string{"no domain of your own"}, code: 1},
		"no deployment":      {args: []string{"rg"}, says: []string{"no deployment guestlist in rg"}, code: 1},
		"not signed in":      {args: []string{"rg"}, env: []string{"SIGNED_OUT=yes"}, says: []string{"sign in first"}, code: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files := map[string]string{"az": domainAz, "asked": ""}
			for _, kind := range all {
				files[kind] = cmp.Or(test.state, "NotStarted")
			}
			for path, content := range files {
				err := os.WriteFile(filepath.Join(folder, path), []byte(content), 0o755)
				if err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(root+"/infra/verify-mail-domain.sh", test.args...)
			cmd.Env = append([]string{"PATH=" + folder + ":" + os.Getenv("PATH"), "STATE=" + folder, "PAUSE=0"}, test.env...)
			output, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("it ended with %d, want %d", code, test.code)
			}
			for _, says := range test.says {
				if !strings.Contains(string(output), says) {
					t.Errorf("it does not say %q:\n%s", says, output)
				}
			}
			content, err := os.ReadFile(filepath.Join(folder, "asked"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Fields(string(content)); !slices.Equal(got, test.asked) {
				t.Errorf("it asked for %v, want %v", got, test.asked)
			}
		})
	}
}

// The script and the template have to speak of the same resource in the same version.
func TestScriptKnowsVersionOfDomains(t *testing.T) {
	_, version, found := strings.Cut(readFile(t, "infra/modules/mail.bicep"), "'"+mailDomains+"@")
	version, _, _ = strings.Cut(version, "'")
	script := readFile(t, "infra/verify-mail-domain.sh")
	if !found || !strings.Contains(script, "\napi="+version+"\n") {
		t.Errorf("the template has the version %q, and the script another", version)
	}
	if !slices.Contains(declared(t, mainFile, "output"), "mailDomainId") ||
		!slices.Contains(declared(t, "infra/azd/main.bicep", "output"), "GUESTLIST_MAIL_DOMAIN") {
		t.Error("the script reads outputs that the templates do not have")
	}
}
