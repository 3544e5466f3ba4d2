package policy

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon"
)

// PO-26: unknown keys, wrong units and contradictions stop the load, each with its place and the reason.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want, because string }{
		{`{"password": {"minLenght": 12}}`, `1:15: "minLenght" is not a member of password; there are changed, classes, common, expiry, history, maxLength, minAge, minLength, notice, repeats, sequences, temporary`, "misspelt"},
		{`{"pasword": {"minLength": 12}}`, `1:2: "pasword" is not a member of settings; there are lockout, password, secondFactor, session, token, verification`, "a group misspelt"},
		{"{\n  \"password\": {\n    \"expiry\": 60\n  }\n}", `3:15: password.expiry must be a duration in days from "1d" to "3650d", or "never"`, "no unit: seconds, days?"},
		{`{"password": {"expiry": "90m"}}`, `1:25: password.expiry must be a duration in days from "1d" to "3650d", or "never"`, "a wrong unit"},
		{`{"session": {"idle": "15"}}`, `1:22: session.idle must be a duration in days, hours, minutes and seconds from "1m" to "30d"`, "no unit, as a text"},
		{`{"session": {"idle": "unlimited"}}`, `1:22: session.idle must be a duration in days, hours, minutes and seconds from "1m" to "30d"`, "no such word here"},
		{`{"lockout": {"failures": 5.0}}`, `1:26: lockout.failures must be a number of failures from 1 to 100`, "no whole number"},
		{`{"lockout": {"failures": 0}}`, `1:26: lockout.failures must be a number of failures from 1 to 100`, "out of bounds"},
		{`{"lockout": {"failures": 99999999999999999999}}`, `1:26: lockout.failures must be a number of failures from 1 to 100`, "beyond any number"},
		{`{"lockout": {"failures": null}}`, `1:26: lockout.failures must be a number of failures from 1 to 100`, "nothing is not inherit"},
		{`{"secondFactor": {"required": "yes"}}`, `1:31: secondFactor.required must be true or false`, "YAML habits"},
		{`{"secondFactor": {"methods": "otp"}}`, `1:30: secondFactor.methods must be a list of names, or "any"`, "a text"},
		{`{"secondFactor": {"methods": ["otp", 7]}}`, `1:38: must be a name`, "a number among names"},
		{`{"secondFactor": {"methods": ["otp", ""]}}`, `1:38: secondFactor.methods has an empty name or one with a NUL`, "an empty name"},
		{`{"secondFactor": {"methods": ["otp", "otp"]}}`, `1:38: secondFactor.methods has "otp" twice`, "a slip of the hand"},
		{`{"password": {"classes": ["upper", "emoji"]}}`, `1:26: password.classes has the name "emoji", must be a list of letter, lower, upper, digit, symbol`, "unknown"},
		{`{"password": {"minLength": 12, "minLength": 8}}`, `1:32: "minLength" is there twice`, "the second would win, unseen"},
		{`{"password": {"expiry": "10d", "notice": "14d"}}`, `1:42: password.notice 14d exceeds password.expiry, which is 10d`, "a contradiction (C7)"},
		{`{"session": {"absolute": "5m", "idle": "10m"}}`, `1:40: session.idle 10m exceeds session.absolute, which is 5m`, "another"},
		{`{"password": {"expiry": {"days": [60]}}}`, `1:25: password.expiry must be a duration in days from "1d" to "3650d", or "never"`, "another form"},
		{`{"password": 12}`, `1:14: must be an object of password`, "no group"},
		{`[]`, `1:1: must be an object of settings`, "no object"},
		{``, `1:1: is not JSON: it ends too early`, "nothing"},
		{`{"password": {"minLength": 12}`, `1:31: is not JSON: it ends too early`, "cut off"},
		{`{"password": {"minLength": 12}} {}`, `1:33: goes on after its end`, "two"},
		{`{"password": {"minLength": 12},}`, `1:32: is not JSON: invalid character '}'`, "a comma too many"},
		{"{\"é\": 1,\n\"p\xc3\": 2}", `1:1: is not valid UTF-8`, "no text"},
		{`{"é": {}, "x": {}}`, `1:2: "é" is not a member`, "a place counts characters"},
		{strings.Repeat(" ", maxText) + `{}`, `1:1: has 65538 bytes, at most 65536 are allowed`, "too long"},
	} {
		_, err := ParseSettings([]byte(c.text))
		require.ErrorIs(t, err, symbolon.ErrInvalid, c.because)
		var m Mistakes
		require.True(t, errors.As(err, &m))
		require.Contains(t, m[0].String(), c.want, c.because)
	}
}

// Everything that is wrong is told at once, and what is too much is not.
func TestMistakesAtOnce(t *testing.T) {
	_, err := ParseSettings([]byte("{\"password\": {\"minLength\": 3, \"expiry\": 60},\n \"lockout\": {\"failures\": 0, \"x\": [{\"y\": []}]}}"))
	var m Mistakes
	require.True(t, errors.As(err, &m))
	places := [][2]int{}
	for _, one := range m {
		places = append(places, [2]int{one.Line, one.Column})
	}
	require.Equal(t, [][2]int{{1, 28}, {1, 41}, {2, 26}, {2, 29}}, places)

	_, err = ParseSettings([]byte("{" + strings.Repeat(`"x": 1, `, 100) + `"y": 1}`))
	require.True(t, errors.As(err, &m))
	require.Len(t, m, maxMistakes)
}

func TestParseNode(t *testing.T) {
	n, err := ParseNode([]byte(`{"$schema": "x", "org": "b", "parent": "a", "settings": {"password": {"expiry": "never"}}}`))
	require.NoError(t, err)
	require.Equal(t, Node{"b", "a", Settings{PasswordExpiry: NoLimit()}}, n)
	for text, want := range map[string]string{
		`{"parent": "a"}`:         `1:1: has no member "org"`,
		`{"org": ""}`:             `1:9: must be the id of an organisation`,
		`{"org": 7}`:              `1:9: must be the id of an organisation, as a text`,
		`{"org": "a", "name": 1}`: `1:14: "name" is not a member of an organisation; there are $schema, org, parent, settings`,
	} {
		_, err := ParseNode([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

// settingsOf draws settings that do not contradict themselves.
func settingsOf() *rapid.Generator[Settings] {
	return rapid.Custom(func(t *rapid.T) Settings {
		s := Settings{}
		for i := range fields {
			if rapid.Bool().Draw(t, "set") {
				s[fields[i].field] = values(&fields[i]).Draw(t, "value")
			}
		}
		for _, b := range s.wrong() {
			delete(s, b.Field)
		}
		return s
	})
}

// What is written is read again, the same.
func TestSettingsRoundTrip(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := settingsOf().Draw(t, "settings")
		text, err := json.Marshal(s)
		require.NoError(t, err)
		got, err := ParseSettings(text)
		require.NoError(t, err, string(text))
		require.Equal(t, s, got)
		var again Settings
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, s, again)
	})
	_, err := json.Marshal(Settings{"password.x": Count(1)})
	require.ErrorContains(t, err, "is not a setting")
	_, err = json.Marshal(Settings{PasswordNotice: Days(9), PasswordExpiry: Days(8)})
	require.ErrorContains(t, err, "exceeds password.expiry")
}

// S7: files make a forest or tell every mistake, by file.
func TestReadFiles(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	f, err := ReadFiles(fstest.MapFS{
		"owner.json":            file(`{"org": "owner", "settings": {"password": {"expiry": "60d"}}}`),
		"shops/b.json":          file(`{"org": "b", "parent": "owner", "settings": {"password": {"expiry": "30d"}}}`),
		"shops/README.md":       file(`not ours`),
		"settings.schema.json":  file(string(Schema())),
		"shops/deeper/and.json": file(`{"org": "c", "parent": "b"}`),
	})
	require.NoError(t, err)
	e, err := f.Effective("c")
	require.NoError(t, err)
	require.Equal(t, Entry{PasswordExpiry, Days(30), []symbolon.OrgID{"b"}}, e.Get(PasswordExpiry))

	_, err = ReadFiles(fstest.MapFS{"a.json": file(`{"org": "a", "x": 1}`), "b/c.json": file("{\n\"parent\": 1}")})
	require.ErrorContains(t, err, `a.json:1:14: "x" is not a member`)
	require.ErrorContains(t, err, `b/c.json:2:11: must be the id`)
	_, err = ReadFiles(fstest.MapFS{"a.json": file(`{"org": "a", "parent": "z"}`)})
	require.ErrorContains(t, err, `"a" has the parent "z", which is not in the tree`)
	_, err = ReadFiles(fstest.MapFS{"a.json": file(strings.Repeat(" ", 2*maxText))})
	require.ErrorContains(t, err, "a.json:1:1: has 65537 bytes", "no more is read than shows it")
	_, err = ReadFiles(fstest.MapFS{"a.json/b.txt": file("x"), "a.json/c": {Mode: 0, Data: nil}})
	require.NoError(t, err, "a folder of that name")
}

// FuzzParse: no input panics or is misplaced, and what is accepted is written and read again, the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `{"org":"a","settings":{"password":{"expiry":"60d","notice":"14d"}}}`,
		`{"org":"a","parent":"b","settings":{"secondFactor":{"methods":["otp"]},"lockout":{"duration":"until unlocked"}}}`,
		`{"org":"a","settings":{"password":{"expiry":"10d","notice":"14d"}}}`, `{"org":"a"}x`, "{\"\xff\":1}", `{"org":[[[[{`, `{"a":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	var schema any
	require.NoError(f, json.Unmarshal(Schema(), &schema))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseNode(data)
		if err != nil {
			var m Mistakes
			require.True(t, errors.As(err, &m))
			require.NotEmpty(t, m)
			require.LessOrEqual(t, len(m), maxMistakes)
			lines := strings.Split(string(data), "\n")
			for _, one := range m {
				require.NotEmpty(t, one.Reason)
				require.True(t, one.Line >= 1 && one.Line <= len(lines), "%v", one)
				require.True(t, one.Column >= 1 && one.Column <= len(lines[one.Line-1])+1, "%v", one)
			}
			return
		}
		require.True(t, json.Valid(data))
		require.Empty(t, against(schema, data), "the schema accepts what we accept")
		text, err := json.Marshal(n)
		require.NoError(t, err)
		again, err := ParseNode(text)
		require.NoError(t, err)
		if len(n.Settings) == 0 {
			n.Settings = nil
		}
		require.Equal(t, n, again)
	})
}
