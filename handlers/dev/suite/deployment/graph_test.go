package deployment

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const graphFile = "infra/graph/main.bicep"

// graphPermissions are the only application permissions that the app may have, with their ids,
// which are the same in every tenant (https://learn.microsoft.com/graph/permissions-reference).
var graphPermissions = map[string]string{
	"User.Invite.All":           "09850681-111b-4a89-9bed-3f2cae46d706",
	"GroupMember.ReadWrite.All": "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
	"User.Read.All":             "df021288-bdef-4463-88db-98f22de89214",
}

func TestGraphPermissionsAreTheAllowedOnes(t *testing.T) {
	ids := map[string]string{}
	entry := regexp.MustCompile(`(?m)^  '([\w.]+)': '([^']+)'$`)
	for _, match := range entry.FindAllStringSubmatch(block(t, graphFile, "var appRoleIds = {"), -1) {
		ids[match[1]] = match[2]
	}
	if diff := cmp.Diff(graphPermissions, ids); diff != "" {
		t.Errorf("the permissions of the template differ (-allowed +template):\n%s", diff)
	}
	_, rest, _ := strings.Cut(readFile(t, graphFile), "\nparam permissions ")
	_, rest, _ = strings.Cut(rest, "[] = [\n")
	list, _, found := strings.Cut(rest, "\n]\n")
	if !found {
		t.Fatal("the permissions have no default")
	}
	given := map[string]string{}
	for _, name := range strings.Fields(list) {
		given[strings.Trim(name, "'")] = ids[strings.Trim(name, "'")]
	}
	if diff := cmp.Diff(graphPermissions, given); diff != "" {
		t.Errorf("the permissions that are given by default differ (-allowed +template):\n%s", diff)
	}
	for _, path := range infraFiles(t, ".bicep") {
		if !strings.HasPrefix(path, "infra/graph/") && regexp.MustCompile(`(?m)^extension `).MatchString(readFile(t, path)) {
			t.Errorf("%s uses an extension: only a tenant admin can deploy those", path)
		}
	}
}

func TestGuideGivesReasonForEachPermission(t *testing.T) {
	for name := range graphPermissions {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(name) + "` \\| .+ \\| .+ \\|$")
		if !row.MatchString(readFile(t, "docs/deploy.md")) {
			t.Errorf("docs/deploy.md has no row with a reason for %s", name)
		}
	}
}

// fakeAz answers the calls of az in grant.sh. It keeps the assignments in the file $STATE, one
// "role assignment" on a line.
const fakeAz = `#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$STATE.calls"
case "$1 $2" in
'cloud show') echo https://graph.microsoft.us/ ;;
'rest --method')
  case "$3 $5" in
  "get https://graph.microsoft.us/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?\$select=id") echo graph-object ;;
  'get https://graph.microsoft.us/v1.0/servicePrincipals/'*/appRoleAssignments) cat "$STATE" ;;
  'post https://graph.microsoft.us/v1.0/servicePrincipals/'*/appRoleAssignments)
    node -e '
      const {principalId, resourceId, appRoleId} = JSON.parse(process.argv[1])
      if (!process.argv[2].includes(principalId) || resourceId !== "graph-object") process.exit(1)
      console.log(appRoleId + "\tassignment-of-" + appRoleId)' "$9" "$5" >>"$STATE" ;;
  'delete https://graph.microsoft.us/v1.0/servicePrincipals/'*)
    grep -v "${5##*/}" "$STATE" >"$STATE.new" || true
    mv "$STATE.new" "$STATE" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
  esac ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`

func TestGrantScriptGrantsListsAndRevokes(t *testing.T) {
	folder := t.TempDir()
	state := filepath.Join(folder, "state")
	for path, content := range map[string]string{filepath.Join(folder, "az"): fakeAz, state: ""} {
		err := os.WriteFile(path, []byte(content), 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(root+"/infra/graph/grant.sh", args...)
		cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "STATE="+state)
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	held := func() []string {
		content, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for line := range strings.Lines(string(content)) {
			ids = append(ids, strings.Fields(line)[0])
		}
		slices.Sort(ids)
		return ids
	}
	const identity = "12345678-1234-1234-1234-123456789abc"
	steps := []struct {
		args  []string
		want  string // what the output says
		fails bool
		held  []string
	}{
		{[]string{}, "OBJECT-ID", true, nil},
		{[]string{"me@contoso.com"}, "not an object id", true, nil},
		{[]string{identity, "User.Invite.All", "Directory.ReadWrite.All"}, "not one of", true, nil},
		{[]string{"--list", identity}, "User.Invite.All: no", false, nil},
		{[]string{identity, "User.Read.All"}, "User.Read.All: granted", false, []string{"User.Read.All"}},
		{[]string{identity}, "User.Read.All: granted already", false, []string{"User.Invite.All", "GroupMember.ReadWrite.All", "User.Read.All"}},
		{[]string{identity}, "User.Invite.All: granted already", false, []string{"User.Invite.All", "GroupMember.ReadWrite.All", "User.Read.All"}},
		{[]string{"--list", identity}, "GroupMember.ReadWrite.All: yes", false, []string{"User.Invite.All", "GroupMember.ReadWrite.All", "User.Read.All"}},
		{[]string{"--revoke", identity}, "User.Invite.All: removed", false, nil},
	}
	for _, step := range steps {
		output, err := run(step.args...)
		if (err != nil) != step.fails || !strings.Contains(output, step.want) {
			t.Errorf("grant.sh %s: %v, and it says %q; want %q", strings.Join(step.args, " "), err, output, step.want)
		}
		var want []string
		for _, name := range step.held {
			want = append(want, graphPermissions[name])
		}
		slices.Sort(want)
		if got := held(); !slices.Equal(got, want) {
			t.Errorf("after grant.sh %s the identity has %v, want %v", strings.Join(step.args, " "), got, want)
		}
	}
}
