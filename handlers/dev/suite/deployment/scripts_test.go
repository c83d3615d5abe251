package deployment

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Everything that can be set without azd can be set with it.
func TestAzdTemplatePassesEveryParameterOn(t *testing.T) {
	given := block(t, "infra/azd/main.bicep", "module guestlist '../main.bicep' = {")
	for _, name := range declared(t, mainFile, "param") {
		// The template generates the signing key.
		if !strings.Contains(given, "\n    "+name+": "+name+"\n") && name != "formSigningKey" {
			t.Errorf("infra/azd/main.bicep does not pass %s on", name)
		}
	}
}

func TestAzdFindsTemplateAndScript(t *testing.T) {
	content, err := os.ReadFile(root + "/azure.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	folder := regexp.MustCompile(`(?m)^  path: (\S+)$`).FindStringSubmatch(text)
	module := regexp.MustCompile(`(?m)^  module: (\S+)$`).FindStringSubmatch(text)
	script := regexp.MustCompile(`(?m)^      run: bash (\S+)$`).FindStringSubmatch(text)
	if folder == nil || module == nil || script == nil || !strings.Contains(text, "      run: make package\n") {
		t.Fatalf("azure.yaml names no folder, no module or no script: %v %v %v", folder, module, script)
	}
	base := filepath.Join(root, folder[1], module[1])
	for _, path := range []string{base + ".bicep", base + ".bicepparam", filepath.Join(root, script[1])} {
		_, err := os.Stat(path)
		if err != nil {
			t.Errorf("azure.yaml leads to %v", err)
		}
	}
}

func TestScriptReadsOutputsThatExist(t *testing.T) {
	script, err := os.ReadFile(root + "/infra/deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	plain, azd := declared(t, mainFile, "output"), declared(t, "infra/azd/main.bicep", "output")
	read := 0
	for _, match := range regexp.MustCompile(`\$outputs\.(\w+)\.value`).FindAllStringSubmatch(string(script), -1) {
		read++
		if !slices.Contains(plain, match[1]) {
			t.Errorf("deploy.sh reads the output %s, which main.bicep does not have", match[1])
		}
	}
	for _, match := range regexp.MustCompile(`\$\{((?:AZURE|GUESTLIST)_\w+):-`).FindAllStringSubmatch(string(script), -1) {
		read++
		if !slices.Contains(azd, match[1]) {
			t.Errorf("deploy.sh reads %s, which azd does not get from infra/azd/main.bicep", match[1])
		}
	}
	if read < 9 {
		t.Errorf("only %d reads were found", read)
	}
}

func TestTemplateAndScriptNameThePackedZips(t *testing.T) {
	folder := zips(t)
	made, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, path := range made {
		want = append(want, filepath.Base(path))
	}
	for _, path := range []string{"infra/main.bicep", "infra/deploy.sh"} {
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		got := regexp.MustCompile(`guestlist(-\w+)?\.zip`).FindAllString(string(content), -1)
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%s names other zips (-made +named):\n%s", path, diff)
		}
	}
}

func TestScriptRegistersTheFunctionsOfEachZip(t *testing.T) {
	script, err := os.ReadFile(root + "/infra/deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	sent := regexp.MustCompile(`(?m)^  send "\$(\w+)" (\S+)$`).FindAllStringSubmatch(string(script), -1)
	asked := regexp.MustCompile(`(?m)^  register "\$(\w+)" (.*)$`).FindAllStringSubmatch(string(script), -1)
	if len(sent) != 5 || len(asked) != 5 {
		t.Fatalf("the script sends %d zips and asks for the functions of %d, want 5 of either", len(sent), len(asked))
	}
	for i, match := range sent {
		// The script sends all zips, then registers the functions in the same order.
		if asked[i][1] != match[1] {
			t.Fatalf("%s is sent at place %d, and the functions of %s are asked for", match[1], i, asked[i][1])
		}
		folders, err := filepath.Glob(filepath.Join(unpack(t, match[2]), "*", "function.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, path := range folders {
			want = append(want, filepath.Base(filepath.Dir(path)))
		}
		got := strings.Fields(asked[i][2])
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-packed +asked for):\n%s", match[2], diff)
		}
	}
}

const deployAz = `#!/usr/bin/env bash
echo "$*" >>"$CALLS"
case "$1 $2 $3" in
'account show --output') [ -z "$SIGNED_OUT" ] ;;
'deployment group show') [ -n "$OUTPUTS" ] && printf "$OUTPUTS\n" || exit 3 ;;
'functionapp deployment source')
  [ -f "$FAILS" ] && { rm "$FAILS"; exit 1; }
  exit 0 ;;
'functionapp show --resource-group') echo "/sites/$6" ;;
'rest --method post') [ -z "$NO_SYNC" ] || exit 1; touch "$KNOWN" ;;
'functionapp function list')
  # As the service names them; nothing until it was asked to look.
  [ -f "$KNOWN" ] || exit 0
  for function in signup-http status-http reviews-http invite-queue invite-poison decisions-queue decisions-poison upkeep-timer; do echo "$7/$function"; done ;;
*) exit 1 ;;
esac
`

func TestScriptSendsEachAppItsZip(t *testing.T) {
	tests := map[string]struct {
		args, env []string
		missing   string // a zip that is not there
		fails     bool   // the first sending is refused
		want      []string
		says      string
		code      int
	}{
		"one app": {
			args: []string{"rg"}, env: []string{`OUTPUTS=work\t-\t-\t-\thttps://form/signup`},
			want: []string{"work guestlist.zip"}, says: "the form answers: https://form/signup",
		},
		"three apps": {
			args: []string{"rg", "other"}, env: []string{`OUTPUTS=work\tform\tstatus\t-\thttps://form/signup`},
			want: []string{"work guestlist-work.zip", "status guestlist-status.zip", "form guestlist-form.zip"}, says: "the form answers",
		},
		"four apps": {
			args: []string{"rg"}, env: []string{`OUTPUTS=work\tform\tstatus\treviews\thttps://form/signup`},
			want: []string{
				"work guestlist-work.zip", "status guestlist-status.zip", "form guestlist-form.zip", "reviews guestlist-reviews.zip",
			}, says: "the form answers",
		},
		"four apps, by azd": {
			env: []string{"AZURE_RESOURCE_GROUP=rg", "GUESTLIST_WORK_APP=work", "GUESTLIST_FORM_APP=form", "GUESTLIST_STATUS_APP=status",
				"GUESTLIST_REVIEWS_APP=reviews", "GUESTLIST_FORM_URL=https://form/signup"},
			want: []string{
				"work guestlist-work.zip", "status guestlist-status.zip", "form guestlist-form.zip", "reviews guestlist-reviews.zip",
			}, says: "the form answers",
		},
		"by azd": {
			env:  []string{"AZURE_SUBSCRIPTION_ID=azds", "AZURE_RESOURCE_GROUP=rg", "GUESTLIST_WORK_APP=work", "GUESTLIST_FORM_APP=", "GUESTLIST_STATUS_APP=", "GUESTLIST_FORM_URL=https://form/signup"},
			want: []string{"work guestlist.zip --subscription azds"}, says: "the form answers",
		},
		"a right that is not known yet": {
			args: []string{"rg"}, env: []string{`OUTPUTS=work\t-\t-\t-\thttps://form/signup`}, fails: true,
			want: []string{"work guestlist.zip", "work guestlist.zip"}, says: "the form answers",
		},
		"functions that Azure does not look for": {
			args: []string{"rg"}, env: []string{`OUTPUTS=work\t-\t-\t-\thttps://form/signup`, "NO_SYNC=yes"},
			want: []string{"work guestlist.zip"}, says: "does not run them: signup-http status-http reviews-http invite-queue invite-poison decisions-queue decisions-poison upkeep-timer", code: 1,
		},
		"no zip": {
			args: []string{"rg"}, env: []string{`OUTPUTS=work\t-\t-\t-\thttps://form/signup`}, missing: "guestlist.zip", says: "run make package", code: 1,
		},
		"no deployment": {args: []string{"rg"}, env: []string{"OUTPUTS="}, says: "no deployment guestlist in rg", code: 1},
		"nothing said":  {says: "which deployment?", code: 1},
		"not signed in": {args: []string{"rg"}, env: []string{"SIGNED_OUT=yes"}, says: "sign in first", code: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			calls := filepath.Join(folder, "calls")
			for path, content := range map[string]string{"az": deployAz, "curl": "#!/bin/sh\nexit 0\n", "calls": ""} {
				err := os.WriteFile(filepath.Join(folder, path), []byte(content), 0o755)
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, zip := range []string{"guestlist.zip", "guestlist-work.zip", "guestlist-form.zip", "guestlist-status.zip", "guestlist-reviews.zip"} {
				if zip == test.missing {
					continue
				}
				err := os.WriteFile(filepath.Join(folder, zip), nil, 0o644)
				if err != nil {
					t.Fatal(err)
				}
			}
			if test.fails {
				err := os.WriteFile(filepath.Join(folder, "fails"), nil, 0o644)
				if err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(root+"/infra/deploy.sh", test.args...)
			cmd.Env = append([]string{"PATH=" + folder + ":" + os.Getenv("PATH"), "CALLS=" + calls, "DIST=" + folder, "PAUSE=0", "FAILS=" + filepath.Join(folder, "fails"), "KNOWN=" + filepath.Join(folder, "known")}, test.env...)
			output, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != test.code || !strings.Contains(string(output), test.says) {
				t.Errorf("it ended with %d and says %q; want %d and %q", cmd.ProcessState.ExitCode(), output, test.code, test.says)
			}
			content, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, match := range regexp.MustCompile(`(?m)^functionapp deployment source config-zip --resource-group rg --name (\S+) --src \S+/(\S+) --output none(.*)$`).FindAllStringSubmatch(string(content), -1) {
				got = append(got, match[1]+" "+match[2]+match[3])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what was sent differs (-want +got):\n%s", diff)
			}
		})
	}
}

var (
	action = regexp.MustCompile(`(?m)^\s*-? ?uses: (\S+)$`)
	pinned = regexp.MustCompile(`^[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})$`)
)

func TestWorkflowIsSafe(t *testing.T) {
	content, err := os.ReadFile(root + "/.github/workflows/azure.yml")
	if err != nil {
		t.Fatal(err)
	}
	workflow := string(content)
	actions := action.FindAllStringSubmatch(workflow, -1)
	if len(actions) < 10 {
		t.Errorf("only %d actions were found", len(actions))
	}
	for _, match := range actions {
		if !pinned.MatchString(match[1]) {
			t.Errorf("%s is not pinned to a major version or a commit", match[1])
		}
	}
	if strings.Contains(workflow, "pull_request_target") || strings.Contains(workflow, "secrets.") {
		t.Error("the workflow must sign in with OpenID Connect, use no secret, and not run others' code with rights")
	}
	// Others choose branch names and titles, so a script gets values only from its environment.
	steps := regexp.MustCompile(`(?m)^ +(?:- )?run: (?:\|\n(?: {10}.*\n| *\n)+|.*\n)`).FindAllString(workflow, -1)
	if len(steps) < 8 {
		t.Errorf("only %d scripts were found", len(steps))
	}
	for _, step := range steps {
		if strings.Contains(step, "${{") {
			t.Errorf("a script holds an expression:\n%s", step)
		}
	}
	for _, job := range []string{"deploy", "what-if"} {
		if !regexp.MustCompile(`(?ms)^  ` + job + `:\n.*?^    environment: [\w-]+\n`).MatchString(workflow) {
			t.Errorf("the job %s has no environment, so nobody has to approve it", job)
		}
	}
	for _, path := range regexp.MustCompile(`infra/[\w./-]+\.(?:bicep|sh|bicepparam)\b`).FindAllString(workflow, -1) {
		_, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			t.Errorf("the workflow names %s: %v", path, err)
		}
	}
}

// Whether Azure follows the redirect of a release's address could not be tested without a
// subscription, so the portal's template takes the zips from where there is none.
func TestReleaseHasEverythingThatGuidesName(t *testing.T) {
	workflow := readFile(t, ".github/workflows/azure.yml")
	_, release, found := strings.Cut(workflow, "\n  release:\n")
	_, command, there := strings.Cut(workflow, "\n  command:\n")
	if !found || !there {
		t.Fatal("the workflow has no job for the command or the release")
	}
	for _, text := range []string{
		"needs: [test, templates, command]", "dist/*.zip", "dist/*.tar.gz", "dist/*.json", "dist/SHA256SUMS",
		"PACKAGES: https://raw.githubusercontent.com/${{ github.repository }}/portal\n",
		"git add -f guestlist.json guestlist.zip guestlist-form.zip guestlist-status.zip guestlist-work.zip\n",
	} {
		if !strings.Contains(release, text) {
			t.Errorf("the job of the release lacks %s", text)
		}
	}
	for _, text := range []string{"run: make release\n", "VERSION: ${{ github.ref_name }}\n", "path: dist/guestlist_*\n"} {
		if !strings.Contains(command, text) {
			t.Errorf("the job of the command lacks %s", text)
		}
	}
	if strings.Contains(workflow, "releases/download/") {
		t.Error("Azure would fetch the zips from an address that redirects")
	}
	for _, name := range []string{"guestlist_VERSION_windows_amd64.zip", "guestlist_VERSION_linux_amd64.tar.gz", "SHA256SUMS"} {
		if !strings.Contains(readFile(t, "README.md")+readFile(t, "docs/deploy.md"), name) {
			t.Errorf("no guide names %s", name)
		}
	}
}

func TestDependabotWatchesEveryLockFile(t *testing.T) {
	config := readFile(t, ".github/dependabot.yml")
	locks := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && (path == ".local" || path == ".git" || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if entry.Name() == "package-lock.json" {
			locks++
			if !strings.Contains(config, "\n      - /"+filepath.ToSlash(filepath.Dir(path))+"\n") {
				t.Errorf(".github/dependabot.yml does not watch %s", path)
			}
		}
		return err
	})
	if err != nil || locks < 3 {
		t.Errorf("%d lock files were found: %v", locks, err)
	}
}
