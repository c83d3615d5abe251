package rowfile_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
)

const (
	stamp = "2026-11-23T08:00:00.1234567Z"
	etag  = `W/"datetime'2026-11-23T08%3A00%3A00.1234567Z'"`
)

func write(t interface{ Fatal(...any) }, rows ...policy.Raw) string {
	var file bytes.Buffer
	err := rowfile.Write(&file, rows, ',')
	if err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func read(t interface{ Fatal(...any) }, file string) []rowfile.Row {
	rows, err := rowfile.Read(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// raws returns the raw rows.
func raws(rows []rowfile.Row) []policy.Raw {
	raws := []policy.Raw{}
	for _, row := range rows {
		raws = append(raws, row.Raw)
	}
	return raws
}

// value draws any cell of a table, often one that a CSV file or a spreadsheet could misread.
func value() *rapid.Generator[any] {
	tricky := rapid.StringOf(rapid.SampledFrom([]rune("=+-@\t\r\n'\",; aé\u00a0\ufeff＝＋－＠😀01E.")))
	return rapid.OneOf(
		rapid.String().AsAny(), tricky.AsAny(), tricky.AsAny(), rapid.SampledFrom([]string{"", "'", "''", "'=", "true", "100", "2026-05-01", "\r\n"}).AsAny(),
		rapid.Bool().AsAny(), rapid.Int32().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(),
		rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 3, 1e300, -0.5}).AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 20).AsAny(),
		rapid.Custom(func(t *rapid.T) time.Time {
			first, last := time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
			seconds := rapid.Int64Range(first.Unix(), last.Unix()).Draw(t, "seconds")
			return time.Unix(seconds, 100*rapid.Int64Range(0, 9_999_999).Draw(t, "ticks")).UTC()
		}).AsAny(),
	)
}

func columnName() *rapid.Generator[string] {
	known := []string{}
	for _, column := range policy.Columns() {
		known = append(known, column.Name)
	}
	return rapid.OneOf(rapid.SampledFrom(known), rapid.StringMatching(`[A-Za-zé_][A-Za-z0-9é_]{0,8}`).Filter(func(name string) bool {
		return name != "PartitionKey" && name != "RowKey" && name != "Timestamp"
	}))
}

// TestRoundTrip reads back everything that a table can hold.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"*", "contoso.com", "=1+1", "-", "'", "@", " a "}))
		rows := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) policy.Raw {
			return policy.Raw{
				Partition: key.Draw(t, "partition"), Name: key.Draw(t, "name"),
				Columns: rapid.MapOfN(columnName(), value(), 0, 8).Draw(t, "columns"),
			}
		}), 0, 6, func(row policy.Raw) [2]string { return [2]string{row.Partition, row.Name} }).Draw(t, "rows")
		for i := range rows {
			rows[i].ETag = etag
		}
		got := read(t, write(t, rows...))
		for _, row := range got {
			if row.Version != stamp {
				t.Fatalf("row %q %q has the version %q, want %q", row.Partition, row.Name, row.Version, stamp)
			}
		}
		sorted := cmpopts.SortSlices(func(a, b policy.Raw) bool { return a.Partition+"\x00"+a.Name < b.Partition+"\x00"+b.Name })
		diff := cmp.Diff(rows, raws(got), sorted, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(policy.Raw{}, "ETag"))
		if diff != "" {
			t.Fatalf("what is read is not what was written (-want +got):\n%s", diff)
		}
		if len(rowfile.Compare(rows, got)) > 0 {
			t.Fatal("a file differs from the table that it was made from")
		}
	})
}

// TestColumnsForMailsAndProofsSurviveFiles has the older form of InvitationMail as well.
func TestColumnsForMailsAndProofsSurviveFiles(t *testing.T) {
	tests := map[string]struct {
		columns map[string]any
		proof   policy.Proof
		mail    policy.InvitationMail
	}{
		"no such column":    {map[string]any{}, policy.ProofByDefault, policy.MailByDefault},
		"both":              {map[string]any{"Proof": "code", "InvitationMail": "own"}, policy.ProofCode, policy.OwnMail},
		"the older form":    {map[string]any{"Proof": "None", "SendInvitation": false}, policy.NoProof, policy.NoInvitationMail},
		"the older as text": {map[string]any{"SendInvitation": "no"}, policy.ProofByDefault, policy.NoInvitationMail},
		"both forms":        {map[string]any{"InvitationMail": "microsoft", "SendInvitation": int32(1)}, policy.ProofByDefault, policy.MicrosoftMail},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.columns["Action"] = "invite"
			raw := policy.Raw{Partition: "contoso.com", Name: "partners", ETag: etag, Columns: test.columns}
			got := read(t, write(t, raw))
			row := policy.Parse(got[0].Raw)
			if row.Faults != nil || row.Proof != test.proof || row.Terms.InvitationMail != test.mail {
				t.Errorf("proof %q, mail %q, faults %v; want %q and %q", row.Proof, row.Terms.InvitationMail, row.Faults, test.proof, test.mail)
			}
		})
	}
}

// TestExportedCellsAreNotFormulas checks that only numbers begin like a formula.
func TestExportedCellsAreNotFormulas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("=+-@\t\r\n'\",; a＝＋－＠"))).Draw(t, "text")
		file := write(t, policy.Raw{Partition: text, Name: text, ETag: etag, Columns: map[string]any{"Note": text, "Unknown": text}})
		records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file, "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records {
			for _, cell := range record {
				if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
					t.Fatalf("the cell %q is calculated", cell)
				}
			}
		}
	})
}

func TestWrite(t *testing.T) {
	rows := []policy.Raw{
		{Partition: "contoso.com", Name: "partners", ETag: etag, Columns: map[string]any{
			"Action": "invite", "Priority": int32(10), "Enabled": true, "NotAfter": time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC),
			"Note": "=HYPERLINK(\"x\")", "AutoAprove": "yes",
		}},
		{Partition: "*", Name: "everybody", ETag: "opaque", Columns: map[string]any{"Action": "review", "Note": "two\r\nlines"}},
	}
	records := strings.SplitAfter(write(t, rows...), "\r\n")
	columns := ""
	for _, column := range policy.Columns() {
		columns += "," + column.Name
	}
	want := "PartitionKey,RowKey,Timestamp" + columns + ",AutoAprove,Action@type,Enabled@type,Priority@type,NotAfter@type,Note@type,AutoAprove@type\r\n"
	if records[0] != want {
		t.Errorf("the first line is %q, want %q", records[0], want)
	}
	if !strings.HasPrefix(records[1], "*,everybody,opaque,review,") || !strings.Contains(records[1], "\"two\r\n") {
		t.Errorf("the second line is %q", records[1])
	}
	last := records[len(records)-2]
	for _, part := range []string{
		"contoso.com,partners," + stamp + ",invite,", ",2026-12-31T00:00:00Z,", `,"'=HYPERLINK(""x"")",yes,`,
		",String,Boolean,Int32,DateTime,String,String\r\n",
	} {
		if !strings.Contains(last, part) {
			t.Errorf("the last line is %q, which lacks %q", last, part)
		}
	}
}

func TestWriteAddsByteOrderMarkForNonASCII(t *testing.T) {
	plain := policy.Raw{Partition: "*", Name: "everybody", Columns: map[string]any{"Action": "review"}}
	if strings.HasPrefix(write(t, plain), "\ufeff") {
		t.Error("a file of ASCII only begins with a byte order mark")
	}
	plain.Columns["Note"] = "für alle"
	if !strings.HasPrefix(write(t, plain), "\ufeff") {
		t.Error("a file with an umlaut does not begin with a byte order mark")
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, value := range map[string]any{"a type of no table": 1, "no UTF-8": "\xff"} {
		err := rowfile.Write(&bytes.Buffer{}, []policy.Raw{{Partition: "*", Name: "x", Columns: map[string]any{"Note": value}}}, ',')
		if problem.CodeOf(err) != problem.Internal {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestReadShapes(t *testing.T) {
	at := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		file string
		want []policy.Raw
	}{
		"types as older versions of Storage Explorer write them": {
			"PartitionKey,RowKey,Timestamp,Action,Action@type,Priority,Priority@type,NotBefore,NotBefore@type\n" +
				"*,all,2026-11-23T08:00:00.123Z,review,Edm.String,10,Edm.Int32,2026-05-01T09:00:00Z,Edm.DateTime\n",
			[]policy.Raw{{Partition: "*", Name: "all", Columns: map[string]any{"Action": "review", "Priority": int32(10), "NotBefore": at}}},
		},
		"types in the first line only, as one version of it writes them": {
			"PartitionKey,RowKey,Priority,Priority@type\n*,a,1,Int32\n*,b,2,\n*,c,ten,\n",
			[]policy.Raw{
				{Partition: "*", Name: "a", Columns: map[string]any{"Priority": int32(1)}},
				{Partition: "*", Name: "b", Columns: map[string]any{"Priority": int32(2)}},
				{Partition: "*", Name: "c", Columns: map[string]any{"Priority": "ten"}},
			},
		},
		"a cell that is not of its type": {
			"PartitionKey,RowKey,Priority,Priority@type,Enabled,Enabled@type\n*,a,ten,Int32,maybe,Boolean\n",
			[]policy.Raw{{Partition: "*", Name: "a", Columns: map[string]any{"Priority": "ten", "Enabled": "maybe"}}},
		},
		"as a German Excel saves it": {
			"\ufeffPartitionKey;RowKey;Enabled;Note;Enabled@type;Note@type\r\n*;all;FALSE;\"a;b\"\"c\nd\";Boolean;String\r\n;;;;;\r\n",
			[]policy.Raw{{Partition: "*", Name: "all", Columns: map[string]any{"Enabled": false, "Note": "a;b\"c\nd"}}},
		},
		"with Excel's line for the separator": {
			"sep=;\r\nPartitionKey;RowKey;Action\r\n*;all;deny\r\n",
			[]policy.Raw{{Partition: "*", Name: "all", Columns: map[string]any{"Action": "deny"}}},
		},
		"with tabs and no types": {
			"PartitionKey\tRowKey\tPriority\n*\tall\t10\n",
			[]policy.Raw{{Partition: "*", Name: "all", Columns: map[string]any{"Priority": "10"}}},
		},
		"columns in another order, and an end without a line break": {
			"Action,RowKey,PartitionKey\ndeny,all,*",
			[]policy.Raw{{Partition: "*", Name: "all", Columns: map[string]any{"Action": "deny"}}},
		},
		"short and empty lines, and columns without a name": {
			"PartitionKey,RowKey,Action,,\n\n*,all\n,,,,\n*,more,deny,,\n",
			[]policy.Raw{{Partition: "*", Name: "all"}, {Partition: "*", Name: "more", Columns: map[string]any{"Action": "deny"}}},
		},
		"apostrophes of others": {
			"PartitionKey,RowKey,Note\n*,all,'tis\n*,b,'=1\n*,c,'\n*,d,''\n",
			[]policy.Raw{
				{Partition: "*", Name: "all", Columns: map[string]any{"Note": "'tis"}},
				{Partition: "*", Name: "b", Columns: map[string]any{"Note": "=1"}},
				{Partition: "*", Name: "c", Columns: map[string]any{"Note": ""}},
				{Partition: "*", Name: "d", Columns: map[string]any{"Note": "'"}},
			},
		},
		"an apostrophe makes a text, whatever the type above": {
			"PartitionKey,RowKey,InviteCode,InviteCode@type\n*,a,12345678,Int32\n*,b,'0012345678,\n*,c,87654321,\n*,d,'00123,Int32\n",
			[]policy.Raw{
				{Partition: "*", Name: "a", Columns: map[string]any{"InviteCode": int32(12345678)}},
				{Partition: "*", Name: "b", Columns: map[string]any{"InviteCode": "0012345678"}},
				{Partition: "*", Name: "c", Columns: map[string]any{"InviteCode": int32(87654321)}},
				{Partition: "*", Name: "d", Columns: map[string]any{"InviteCode": int32(123)}},
			},
		},
		"apostrophes before keys": {
			"PartitionKey,RowKey\n'ana@fabrikam.com,a\n'fabrikam.com,a\n'*,a\n''bo@fabrikam.com,a\n",
			[]policy.Raw{
				{Partition: "ana@fabrikam.com", Name: "a"},
				{Partition: "fabrikam.com", Name: "a"},
				{Partition: "*", Name: "a"},
				{Partition: "'bo@fabrikam.com", Name: "a"},
			},
		},
		"carriage returns as line ends and inside cells": {
			"PartitionKey,RowKey,Note\r*,all,\"a\rb\r\nc\"\r*,b,d\r",
			[]policy.Raw{
				{Partition: "*", Name: "all", Columns: map[string]any{"Note": "a\rb\r\nc"}},
				{Partition: "*", Name: "b", Columns: map[string]any{"Note": "d"}},
			},
		},
		"quotes in cells that are not quoted": {
			"PartitionKey;RowKey;Note\r\n*;5\" pipe;\"a\r\nb\"\r\n*;a \"b\", c;\"d\"\"e\"\r\n",
			[]policy.Raw{
				{Partition: "*", Name: `5" pipe`, Columns: map[string]any{"Note": "a\r\nb"}},
				{Partition: "*", Name: `a "b", c`, Columns: map[string]any{"Note": `d"e`}},
			},
		},
		"Excel's line for the separator with a carriage return": {
			"sep=,\rPartitionKey,RowKey\r*,all\r",
			[]policy.Raw{{Partition: "*", Name: "all"}},
		},
		"no rows": {"PartitionKey,RowKey\n", []policy.Raw{}},
	} {
		t.Run(name, func(t *testing.T) {
			diff := cmp.Diff(test.want, raws(read(t, test.file)), cmpopts.EquateEmpty())
			if diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"nothing":                       {"", "line 1: the first line must name the columns"},
		"no keys":                       {"Partitionkey,RowKey\n*,all\n", "in just this spelling"},
		"a name twice":                  {"PartitionKey,RowKey,Note,Note\n", `line 1: two columns are called "Note"`},
		"no name of a column":           {"PartitionKey,RowKey,My note\n", `line 1: "My note" can't be the name of a column`},
		"a cell without a column":       {"PartitionKey,RowKey\n*,all\n*,b,x\n", "line 3: there is a cell in position 3"},
		"a row twice":                   {"PartitionKey,RowKey,Note\n*,all,\"1\n2\"\n*,b,\n*,all,\n", "line 5: there is a row of the same PartitionKey and RowKey on line 2"},
		"an open quote":                 {"PartitionKey,RowKey\n*,\"all\n", "line 2: a quote is opened and never closed"},
		"something after a quote":       {"PartitionKey,RowKey\n*,5\" pipe\n*,\"all\"x\n", "line 3: something follows a closing quote"},
		"a cell after a quote":          {"PartitionKey,RowKey\n*,\"all\"x\"y\"\n", "line 2: something follows a closing quote"},
		"an open quote after others":    {"PartitionKey,RowKey\n*,5\" pipe\n*,\"all\n", "line 3: a quote is opened and never closed"},
		"UTF-16":                        {"\xff\xfeP\x00", "UTF-16"},
		"UTF-16 without a mark":         {"P\x00a\x00r\x00", "UTF-16"},
		"UTF-16, the large end first":   {"\x00P\x00a", "UTF-16"},
		"a workbook":                    {"PK\x03\x04\x14\x00", "the file is a workbook; save it as CSV UTF-8"},
		"all in one column":             {"\"PartitionKey,RowKey,Action\"\r\n\"*,all,review\"\r\n", "line 1: all cells of the line are in one column: a spreadsheet opened the file and expected another separator. Export again with --separator ';'"},
		"the same with semicolons":      {"\"PartitionKey;RowKey;Action\"\r\n\"*;all;review\"\r\n", "--separator ','"},
		"a row in one column":           {"PartitionKey,RowKey,Note\r\n*,all,x\r\n\"*,more,\"\"a,b\"\"\"\r\n", "line 3: all cells of the line are in one column"},
		"one column":                    {"PartitionKey\n*\n", "line 1: there is one column only"},
		"another separator":             {"PartitionKey|RowKey\n*|all\n", "line 1: all cells of the line are in one column"},
		"the code page of old Windows":  {"PartitionKey,RowKey,Note\n*,all,f\xfcr\n", "not UTF-8"},
		"more than a file may be large": {"PartitionKey,RowKey\n" + strings.Repeat("\n", rowfile.MaxBytes), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rowfile.Read(strings.NewReader(test.file))
			if problem.CodeOf(err) != problem.MalformedBody || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a problem that says %q", err, test.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for etag, want := range map[string]string{
		etag:                             stamp,
		`W/"datetime'2026%zz'"`:          `W/"datetime'2026%zz'"`,
		"anything else":                  "anything else",
		"":                               "",
		`W/"datetime'2026-01-01T00:00Z'`: `W/"datetime'2026-01-01T00:00Z'`,
	} {
		got := rowfile.Version(etag)
		if got != want {
			t.Errorf("Version(%q) = %q, want %q", etag, got, want)
		}
	}
}

// FuzzRead writes what was read, and reads the same rows again.
func FuzzRead(f *testing.F) {
	f.Add("PartitionKey,RowKey,Timestamp,Note,Note@type\r\n*,all," + stamp + ",\"a\"\"b\r\nc\",String\r\n")
	f.Add("\ufeffPartitionKey;RowKey;Enabled;Enabled@type\n'*;'-;TRUE;Edm.Boolean\n")
	f.Add("sep=;\nPartitionKey;RowKey\n;x\n")
	f.Add("PartitionKey,RowKey,A@type,A\n*,x,Int32,7\n*,y,,8\n*,z,Double,NaN\n")
	f.Fuzz(func(t *testing.T, file string) {
		rows, err := rowfile.Read(strings.NewReader(file))
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !utf8.ValidString(err.Error()) {
				t.Errorf("the error is not one line: %q", err)
			}
			return
		}
		written := raws(rows)
		for i := range written {
			written[i].ETag = etag // otherwise an empty row is an empty line
		}
		again := raws(read(t, write(t, written...)))
		sorted := cmpopts.SortSlices(func(a, b policy.Raw) bool { return a.Partition+"\x00"+a.Name < b.Partition+"\x00"+b.Name })
		diff := cmp.Diff(written, again, sorted, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(policy.Raw{}, "ETag"))
		if diff != "" {
			t.Errorf("what is read again is something else (-first +again):\n%s", diff)
		}
	})
}
