package rowfile_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
)

// update writes what LibreOffice, which must be installed, makes of the file into testdata.
var update = flag.Bool("update", false, "write testdata")

// eager are texts that some spreadsheet takes for something else.
var eager = []string{
	"00123456", "0", "-0", "007", "+49 351 123", "12345678901", "123456789012345678901234567890", "12E45678", "1E5", "1e5", "5E-3",
	"1.5", "1,5", "1,234", "1.234", "1 234", "1'234", ".5", "5.", "5-", "(5)", "-5", "5%", "5 %", "$5", "5 €", "EUR 5", "￥5", "5 kr.",
	"1/2", "1 1/2", "1-2", "3-4-5", "1.2.3", "5/26", "May 2026", "may-26", "1 May", "May 1", "1. Mai", "Mai 2026", "März 2026", "5 mars", "1er janvier 2026",
	"maggio 2026", "2 de mayo de 2026", "Fri 1 May 2026", "Friday, 1 May 2026", "Januar 5", "5月1日", "2026年5月1日", "令和8年5月1日", "5 мая 2026", "Mai-26",
	"2026-05-01", "2026/05/01", "05/01/2026", "12/31/2026", "31.12.2026", "31.12.26", "2026-05-01T09:00:00+02:00", "2026-05-01 09:00",
	"10:30", "10:30 PM", "8 am", "8:00 a", "true", "TRUE", "False", "WAHR", "falsch", "vrai", "ИСТИНА", "真", "１２３", "Ⅷ 8", " 5", "5 ", "\u00a05",
	"=1+1", "+1", "@SUM(1)", "\t1", "'", "''", "'5", "'tis", "#N/A", "", "sha256:00", "May-2026", "Sept 2 2026", "2Q", "1d", "0x1F", "1_000",
}

// harmless are texts that none does.
var harmless = []string{
	"invite", "contoso.com", "ana@contoso.com", "*", "Tulip-Spring-2026", "tender phase 2 (Porto)", "100", "10",
	"11111111-1111-4111-8111-111111111111", "11111111-1111-4111-8111-111111111111, 22222222-2222-4222-8222-222222222222",
	`request.country in ["DE", "AT"]`, "https://portal.contoso.com/welcome?x=1", "2026-11-23T08:00:00Z", "pt-BR", "Agreed with purchasing in April 2026",
}

// rewritable is a table with every kind of cell that a spreadsheet could change.
func rewritable() []policy.Raw {
	midnight := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	var rows []policy.Raw
	add := func(name string, columns map[string]any) {
		columns["Action"] = "invite"
		rows = append(rows, policy.Raw{Partition: "contoso.com", Name: name, ETag: etag, Columns: columns})
	}
	for i, text := range append(append([]string{}, eager...), harmless...) {
		add(fmt.Sprintf("row %03d", i), map[string]any{"Note": text, "InviteCode": text, "NotAfter": text, "Enabled": text})
		add(text+" as a name", map[string]any{})
		if text != "" {
			add(text, map[string]any{})
		}
	}
	add("a time", map[string]any{"NotAfter": midnight, "NotBefore": midnight.Add(-time.Hour - 30*time.Minute)})
	add("numbers", map[string]any{"Priority": int32(5), "MaxGuests": 50.0, "MaxPerDay": int64(12), "InviteCode": int64(1234567)})
	add("odd numbers", map[string]any{"Priority": 0.5, "MaxGuests": int64(math.MaxInt64), "MaxPerDay": 1e300, "InviteCode": math.Inf(-1), "Note": int64(-12345678901)})
	add("truths", map[string]any{"Enabled": true, "SendInvitation": false})
	add("lines", map[string]any{"Note": "two\r\nlines", "Message": "a\nb;c,d\te \"f\""})
	add("bytes", map[string]any{"Note": []byte{0xd7, 0x9d, 0xf5}})
	add("empty", map[string]any{"Message": "", "Note": []byte{}})
	add("unknown columns", map[string]any{"May2026": "x", "TRUE": "y", "E1": int32(1)})
	return rows
}

// plansNothing fails if the file differs from the table.
func plansNothing(t interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}, table []policy.Raw, file string) {
	t.Helper()
	for _, d := range rowfile.Compare(table, read(t, file)) {
		t.Errorf("%s %q, conflict %q: %q", d.Kind, d.Name, d.Conflict, d.Cells)
	}
}

// TestLibreOfficeKeepsExports opens an export in LibreOffice, with all cells detected, saves it as
// what it shows, and compares that with the table. Where it is not installed, and in Japan, the
// test compares what version 7.4.7 has saved.
func TestLibreOfficeKeepsExports(t *testing.T) {
	table := rewritable()
	office, err := exec.LookPath("soffice")
	if err != nil && *update {
		t.Fatal(err)
	}
	for _, country := range []struct {
		locale    string
		separator rune
	}{{"en-US", ','}, {"de-DE", ';'}, {"ja-JP", ','}} {
		t.Run(country.locale, func(t *testing.T) {
			saved := filepath.Join("testdata", "libreoffice", country.locale+".csv")
			if *update {
				file := inLibreOffice(t, office, country.locale, country.separator, table)
				err := os.WriteFile(saved, []byte(file), 0o644)
				if err != nil {
					t.Fatal(err)
				}
			} else if office != "" && country.locale != "ja-JP" {
				plansNothing(t, table, inLibreOffice(t, office, country.locale, country.separator, table))
			}
			file, err := os.ReadFile(saved)
			if err != nil {
				t.Fatal(err)
			}
			plansNothing(t, table, string(file))
		})
	}
}

// inLibreOffice returns the file that LibreOffice saves after it has opened an export.
func inLibreOffice(t *testing.T, office, locale string, separator rune, table []policy.Raw) string {
	t.Helper()
	folder := t.TempDir()
	settings := filepath.Join(folder, "profile", "user", "registrymodifications.xcu")
	err := os.MkdirAll(filepath.Dir(settings), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(settings, []byte(`<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>`+locale+`</value></prop></item>
</oor:items>`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	err = rowfile.Write(&file, table, separator)
	if err != nil {
		t.Fatal(err)
	}
	export := filepath.Join(folder, "rows.csv")
	err = os.WriteFile(export, file.Bytes(), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	// The tokens: separator, quote, UTF-8, first line, formats, language, quote all, detect special
	// numbers; to save: as shown, no formulas.
	form := fmt.Sprintf("Text - txt - csv (StarCalc):%d,34,76,1,,0,false,true", separator)
	command := exec.Command(office, "-env:UserInstallation=file://"+filepath.Join(folder, "profile"), "--headless",
		"--infilter="+form, "--convert-to", "csv:"+form+",false", "--outdir", filepath.Join(folder, "saved"), export)
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	saved, err := os.ReadFile(filepath.Join(folder, "saved", "rows.csv"))
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(saved)
}

// eagerSpreadsheet is a spreadsheet that takes for a number, a date or a formula whatever any of
// them does, and saves something else in its place.
func eagerSpreadsheet(file string, separator rune) string {
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(file, "\ufeff")))
	reader.Comma = separator
	records, err := reader.ReadAll()
	if err != nil {
		panic(err)
	}
	var saved bytes.Buffer
	writer := csv.NewWriter(&saved)
	writer.Comma = separator
	for _, record := range records {
		for i, cell := range record {
			record[i] = typed(cell)
		}
		err := writer.Write(record)
		if err != nil {
			panic(err)
		}
	}
	writer.Flush()
	return saved.String()
}

var (
	whole    = regexp.MustCompile(`^[-+]?\d+$`)
	fraction = regexp.MustCompile(`^[-+(]?[\d.,' \x{a0}]*\d[\d.,' \x{a0}]*([eE][-+]?\d+)?[-)]?\s*%?$`)
	money    = regexp.MustCompile(`^\p{Sc}\s?[.,]*\d[\d.,]*$|^[.,]*\d[\d.,]*\s?\p{Sc}$`)
	date     = regexp.MustCompile(`(?i)^(\pL{2,}\.?,? )?\d{1,4}(\. ?|[-/ ]|年|月)(\d{1,2}|(de )?\pL{3,})((\. ?|[-/ ]|月| de )\d{1,4}日?)?( \d\d?:\d\d(:\d\d)?)?$|^\pL{3,}[-. ]\d{1,4}(, \d{4})?$|^\d\d?月\d\d?日$`)
	clock    = regexp.MustCompile(`(?i)^\d\d?(:\d\d){1,2}( ?[ap]m?)?$|^\d\d? ?[ap]m?$`)
)

// typed returns what is saved of a cell.
func typed(cell string) string {
	text := strings.TrimSpace(cell)
	text = strings.Map(func(r rune) rune { // full-width
		if r >= '！' && r <= '～' {
			return r - '！' + '!'
		}
		return r
	}, text)
	switch {
	case text == "" || strings.HasPrefix(cell, "'"):
		return cell
	case strings.HasPrefix(text, "=") || strings.HasPrefix(text, "@") || strings.HasPrefix(text, "+") && !whole.MatchString(text):
		return "#NAME?"
	case whole.MatchString(text):
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "#NUM!"
		}
		if math.Abs(number) >= 1e11 {
			return strconv.FormatFloat(number, 'E', 5, 64)
		}
		return strconv.FormatFloat(number, 'f', -1, 64)
	case strings.EqualFold(text, "true"), strings.EqualFold(text, "wahr"):
		return "WAHR"
	case strings.EqualFold(text, "false"), strings.EqualFold(text, "falsch"):
		return "FALSCH"
	case fraction.MatchString(text), money.MatchString(text), date.MatchString(text), clock.MatchString(text):
		return "31.12.1999"
	}
	return cell
}

func TestEagerSpreadsheetKeepsExports(t *testing.T) {
	for _, separator := range rowfile.Separators {
		var file bytes.Buffer
		err := rowfile.Write(&file, rewritable(), separator)
		if err != nil {
			t.Fatal(err)
		}
		plansNothing(t, rewritable(), eagerSpreadsheet(file.String(), separator))
	}
	texts := rapid.OneOf(
		rapid.StringOf(rapid.SampledFrom([]rune("0123456789.,:/-+ %$€eE()'’年月日\u00a0"))),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{"1", "2", " ", ".", "-", "月", "May ", "Marz.", "Jun-", "Dec "})),
			func(parts []string) string { return strings.Join(parts, "") }),
		rapid.SampledFrom(append(append([]string{}, eager...), harmless...)),
	)
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.MapOfN(rapid.SampledFrom([]string{"Note", "InviteCode", "NotAfter", "Enabled", "Message", "May2026"}),
			rapid.OneOf(texts.AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e20, 1e20).AsAny(), rapid.Bool().AsAny()), 0, 5).Draw(t, "columns")
		table := []policy.Raw{{Partition: "contoso.com", Name: texts.Draw(t, "name"), ETag: etag, Columns: columns}}
		plansNothing(t, table, eagerSpreadsheet(write(t, table...), ','))
	})
}

// TestExportsStayReadable checks that cells which no spreadsheet changes have no apostrophe.
func TestExportsStayReadable(t *testing.T) {
	for _, text := range harmless {
		file := write(t, policy.Raw{Partition: "contoso.com", Name: "x", ETag: etag, Columns: map[string]any{"Note": text}})
		if strings.Contains(file, "'") {
			t.Errorf("%q has an apostrophe: %s", text, file)
		}
	}
	for _, text := range eager {
		file := write(t, policy.Raw{Partition: "contoso.com", Name: "x", ETag: etag, Columns: map[string]any{"Note": text}})
		unsafe := typed(text) != text || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) && r > unicode.MaxLatin1 })
		if unsafe && !strings.Contains(file, "'"+text) {
			t.Errorf("%q has no apostrophe: %s", text, file)
		}
	}
}

// TestCellsThatSpreadsheetsRewroteAreRead has cells without an apostrophe, which somebody typed or
// which come from a file that was not exported by this version.
func TestCellsThatSpreadsheetsRewroteAreRead(t *testing.T) {
	at := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		column, cell, typeName string
		want                   any
	}{
		"an American date in a column of texts":   {"NotAfter", "12/31/2026", "String", "2026-12-31"},
		"a German date in a column of texts":      {"NotAfter", "31.12.2026", "String", "2026-12-31"},
		"a short German date":                     {"NotAfter", "31.12.26", "String", "31.12.26"},
		"a short Korean date":                     {"NotAfter", "26. 12. 31.", "DateTime", "26. 12. 31."},
		"a British date":                          {"NotBefore", "31/12/2026", "", "2026-12-31"},
		"a Japanese date":                         {"NotBefore", "2026/12/31", "", "2026-12-31"},
		"a date that can be two days":             {"NotAfter", "05/01/2026", "String", "05/01/2026"},
		"a date in a column of times is that day": {"NotAfter", "31.12.2026", "DateTime", "2026-12-31"},
		"a time in a column of times is UTC":      {"NotAfter", "12/31/2026 18:00", "Edm.DateTime", at.Add(18 * time.Hour)},
		"a time without a zone elsewhere":         {"NotAfter", "12/31/2026 18:00", "String", "12/31/2026 18:00"},
		"a date in another column":                {"Note", "31.12.2026", "String", "31.12.2026"},
		"a guarded date":                          {"NotAfter", "'31.12.2026", "String", "31.12.2026"},
		"a German truth value":                    {"Enabled", "FALSCH", "Boolean", false},
		"a French truth value":                    {"Enabled", "VRAI", "Edm.Boolean", true},
		"one without a type":                      {"Enabled", "WAHR", "", "true"},
		"one in a text column":                    {"SendInvitation", "FAUX", "String", "false"},
		"one in another column":                   {"Note", "WAHR", "String", "WAHR"},
		"a guarded one":                           {"Enabled", "'WAHR", "String", "WAHR"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := read(t, "PartitionKey,RowKey,"+test.column+","+test.column+"@type\n*,all,"+test.cell+","+test.typeName+"\n")
			if got := rows[0].Columns[test.column]; got != test.want {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

// TestSpreadsheetFormsAreNoChanges compares cells that a spreadsheet has saved in another form with
// the table's, from files without apostrophes.
func TestSpreadsheetFormsAreNoChanges(t *testing.T) {
	at := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		table          map[string]any
		column, cell   string
		typeName       string
		wantDifference bool
	}{
		"a day":                       {map[string]any{"NotAfter": "2026-12-31"}, "NotAfter", "12/31/2026", "String", false},
		"another day":                 {map[string]any{"NotAfter": "2026-12-31"}, "NotAfter", "12/30/2026", "String", true},
		"a time at midnight":          {map[string]any{"NotAfter": at}, "NotAfter", "31.12.2026", "DateTime", false},
		"a time at midnight, changed": {map[string]any{"NotAfter": at}, "NotAfter", "30.12.2026", "DateTime", true},
		"midnight typed as a day":     {map[string]any{"NotAfter": at}, "NotAfter", "2026-12-31", "String", true},
		"a time":                      {map[string]any{"NotAfter": at.Add(time.Hour)}, "NotAfter", "12/31/2026 01:00 AM", "DateTime", false},
		"a truth value":               {map[string]any{"Enabled": false}, "Enabled", "FALSCH", "Boolean", false},
		"a truth value as text":       {map[string]any{"Enabled": "true"}, "Enabled", "TRUE", "String", false},
		"one in capitals as text":     {map[string]any{"Enabled": "TRUE"}, "Enabled", "TRUE", "String", false},
		"a changed truth value":       {map[string]any{"Enabled": "true"}, "Enabled", "FALSE", "String", true},
		"lines":                       {map[string]any{"Note": "a\r\nb"}, "Note", "\"a\nb\"", "String", false},
		"no cell for an empty text":   {map[string]any{"Note": ""}, "Note", "", "String", false},
		"a code that lost its zeros":  {map[string]any{"InviteCode": "00123456"}, "InviteCode", "123456", "String", true},
	} {
		t.Run(name, func(t *testing.T) {
			table := []policy.Raw{{Partition: "*", Name: "all", ETag: etag, Columns: test.table}}
			file := "PartitionKey,RowKey,Timestamp," + test.column + "," + test.column + "@type\n*,all," + stamp + "," + test.cell + "," + test.typeName + "\n"
			differences := rowfile.Compare(table, read(t, file))
			if (len(differences) > 0) != test.wantDifference {
				t.Errorf("got %+v", differences)
			}
		})
	}
}
