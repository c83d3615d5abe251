package tables

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

func TestOdataTime(t *testing.T) {
	got := odataTime(time.Date(2026, time.March, 1, 12, 30, 15, 123456789, time.FixedZone("", 2*60*60)))
	if got != "datetime'2026-03-01T10:30:15.1234567Z'" {
		t.Errorf("got %s", got)
	}
}

func TestRowsSurviveService(t *testing.T) {
	value := rapid.OneOf(
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Int32().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 50).AsAny(),
		rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 3, 1e300}).AsAny(),
		rapid.Custom(func(t *rapid.T) time.Time {
			// Every time that a table can hold, in any zone.
			return time.Unix(rapid.Int64Range(firstTime.Unix(), lastTime.Unix()-1).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).
				In(time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*60*60))
		}).AsAny(),
	)
	rapid.Check(t, func(t *rapid.T) {
		want := row{
			partition: rapid.StringMatching(`[a-z*@.' ]{0,20}`).Draw(t, "partition"), name: rapid.StringMatching(`[a-z' ]{1,20}`).Draw(t, "name"),
			columns: rapid.MapOfN(rapid.StringMatching(`[A-Z][A-Za-z0-9_]{0,10}`), value, 0, 8).Draw(t, "columns"),
		}
		for _, reserved := range []string{"PartitionKey", "RowKey", "Timestamp"} {
			delete(want.columns, reserved)
		}
		encoded, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRow(encoded)
		if err != nil {
			t.Fatal(err)
		}
		for column, value := range want.columns {
			if value, isTime := value.(time.Time); isTime {
				want.columns[column] = toTick(value)
				if toTick(value).After(value) || value.Sub(toTick(value)) >= request.Tick {
					t.Errorf("%s was cut to %s", value, toTick(value))
				}
			}
		}
		diff := cmp.Diff(want, got, cmp.AllowUnexported(row{}), cmpopts.EquateNaNs(), cmpopts.EquateEmpty())
		if diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestUnstorableValuesAreRefused(t *testing.T) {
	wide := map[string]any{}
	for i := range maxColumns + 1 {
		wide["C"+strings.Repeat("x", i)] = true
	}
	heavy := map[string]any{}
	for i := range 17 {
		heavy["Heavy"+string(rune('A'+i))] = strings.Repeat("x", maxTextUnits)
	}
	secret := "Ana O'Hara"
	tests := map[string]struct {
		columns map[string]any
		says    string
	}{
		"a long text":          {map[string]any{"Company": strings.Repeat("x", maxTextUnits+1)}, "column Company"},
		"a long text of emoji": {map[string]any{"Company": strings.Repeat("🏢", maxTextUnits/2) + "x"}, "column Company"},
		"broken UTF-8":         {map[string]any{"Company": secret + "\xff"}, "column Company"},
		"a long value":         {map[string]any{"Blob": make([]byte, maxBinary+1)}, "column Blob"},
		"a time before 1601":   {map[string]any{"Due": firstTime.Add(-1)}, "column Due"},
		"a time after 9999":    {map[string]any{"Due": lastTime.Add(time.Second)}, "column Due"},
		"no time":              {map[string]any{"Due": time.Time{}}, "column Due"},
		"an unknown type":      {map[string]any{"Number": 7}, "column Number"},
		"nil":                  {map[string]any{"Nothing": nil}, "column Nothing"},
		"too many columns":     {wide, "253 columns"},
		"too many bytes":       {heavy, "column Heavy"},
		"a name with a dot":    {map[string]any{"odata.etag": "x"}, "odata.etag"},
		"a name with an at":    {map[string]any{"Due@odata.type": "Edm.Int64"}, "Due@odata.type"},
		"a key as a column":    {map[string]any{"RowKey": "other"}, "RowKey"},
		"no name":              {map[string]any{"": true}, `""`},
		"a long name":          {map[string]any{strings.Repeat("x", 256): true}, "xxxx"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := row{partition: "p", name: "n", columns: test.columns}.encode()
			if problem.CodeOf(err) != problem.Internal || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %.300v, want an Internal about %s", err, test.says)
			}
		})
	}
	largest := map[string]any{"Company": strings.Repeat("x", maxTextUnits), "Reason": strings.Repeat("🏢", maxTextUnits/2), "Blob": make([]byte, maxBinary), "First": firstTime, "Last": lastTime}
	_, err := row{partition: strings.Repeat("p", maxKeyUnits), name: "n", columns: largest}.encode()
	if err != nil {
		t.Errorf("the largest values: %v", err)
	}
}

func TestInvalidKeysAreRefused(t *testing.T) {
	for _, key := range []string{"a/b", `a\b`, "a#b", "a?b", "a\tb", "a\nb", "a\x00b", "a\x7fb", "a\u0085b", "a\xffb", strings.Repeat("x", 513), strings.Repeat("🏢", 257)} {
		for _, r := range []row{{partition: key, name: "n"}, {partition: "p", name: key}} {
			_, err := r.encode()
			if problem.CodeOf(err) != problem.Internal {
				t.Errorf("key %.20q: got %v, want an Internal", key, err)
			}
		}
	}
}

func TestUnreadableValueIsError(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":                   `hello`,
		"a list":                    `[]`,
		"a key that is not a text":  `{"PartitionKey":1}`,
		"an object":                 `{"Secret":{"a":1}}`,
		"a list as a value":         `{"Secret":[1]}`,
		"an unknown type":           `{"Secret":"x","Secret@odata.type":"Edm.Duration"}`,
		"a type that is not a text": `{"Secret":"x","Secret@odata.type":7}`,
		"a broken time":             `{"Secret":"yesterday","Secret@odata.type":"Edm.DateTime"}`,
		"a broken number":           `{"Secret":"12x","Secret@odata.type":"Edm.Int64"}`,
		"a large number":            `{"Secret":"9223372036854775808","Secret@odata.type":"Edm.Int64"}`,
		"a broken binary":           `{"Secret":"=","Secret@odata.type":"Edm.Binary"}`,
		"a time that is true":       `{"Secret":true,"Secret@odata.type":"Edm.DateTime"}`,
		"a fraction as a whole":     `{"Secret":1.5,"Secret@odata.type":"Edm.Int32"}`,
		"beyond every number":       `{"Secret":1e999}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := decodeRow([]byte(text))
			if err == nil {
				err = r.whole()
			}
			if problem.CodeOf(err) != problem.Internal {
				t.Fatalf("got %v, want an Internal", err)
			}
			for _, value := range []string{"yesterday", "12x", "9223372036854775808"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the error repeats the value: %v", err)
				}
			}
		})
	}
}

func TestDecodeRow(t *testing.T) {
	got, err := decodeRow([]byte(`{"odata.metadata":"m","odata.etag":"W/\"1\"","odata.id":"i","PartitionKey":"it's","RowKey":"","Timestamp":"2026-01-01T00:00:00Z",
		"Timestamp@odata.type":"Edm.DateTime","Text":"x","Nothing":null,"Whole":7,"Double":3.0,"Large":3000000000,"Forced":"5","Forced@odata.type":"Edm.Double",
		"Id":"00000000-0000-0000-0000-000000000001","Id@odata.type":"Edm.Guid","Big":"7","Big@odata.type":"Edm.Int64","At":"2026-01-01T00:00:00+01:00","At@odata.type":"Edm.DateTime"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := row{partition: "it's", etag: `W/"1"`, columns: map[string]any{
		"Text": "x", "Whole": int32(7), "Double": 3.0, "Large": 3e9, "Forced": 5.0, "Id": "00000000-0000-0000-0000-000000000001", "Big": int64(7),
		"At": time.Date(2025, time.December, 31, 23, 0, 0, 0, time.UTC),
	}}
	diff := cmp.Diff(want, got, cmp.AllowUnexported(row{}))
	if diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzDecodeRow(f *testing.F) {
	f.Add([]byte(`{"PartitionKey":"p","RowKey":"r","odata.etag":"e","A":1,"B":"x","C":"7","C@odata.type":"Edm.Int64","D":"AA==","D@odata.type":"Edm.Binary"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRow(data)
		if err != nil {
			if problem.CodeOf(err) != problem.Internal {
				t.Errorf("got %v", err)
			}
			return
		}
		// What was read and can be written again is read the same.
		encoded, err := r.encode()
		if err != nil {
			return
		}
		again, err := decodeRow(encoded)
		if err != nil {
			t.Fatalf("%s was read and written as %s: %v", data, encoded, err)
		}
		r.etag = ""
		for column, value := range r.columns {
			if value, isTime := value.(time.Time); isTime {
				r.columns[column] = toTick(value)
			}
		}
		diff := cmp.Diff(r, again, cmp.AllowUnexported(row{}), cmpopts.EquateNaNs(), cmpopts.EquateEmpty())
		if diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
	})
}

func TestEncodedRowHasTypeAnnotations(t *testing.T) {
	encoded, err := row{partition: "p", name: "n", columns: map[string]any{"Due": time.Unix(0, 0), "Big": int64(7), "Half": 3.0, "Small": int32(7)}}.encode()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	err = json.Unmarshal(encoded, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"PartitionKey": "p", "RowKey": "n", "Due": "1970-01-01T00:00:00Z", "Due@odata.type": "Edm.DateTime", "Big": "7", "Big@odata.type": "Edm.Int64",
		"Half": 3.0, "Half@odata.type": "Edm.Double", "Small": 7.0,
	}
	diff := cmp.Diff(want, got)
	if diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
