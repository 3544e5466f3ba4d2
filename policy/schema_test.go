package policy

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write settings.schema.json anew")

// The published schema is the one that the table makes.
func TestSchemaIsFresh(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, Schema(), 0o644))
	}
	published, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	require.Equal(t, string(Schema()), string(published), "go test ./policy -run TestSchemaIsFresh -update")
}

// PO-26: an editor with the schema accepts what we accept, and marks what we refuse.
func TestSchemaSaysTheSame(t *testing.T) {
	var schema any
	require.NoError(t, json.Unmarshal(Schema(), &schema))
	check(t, func(t *rapid.T) {
		text, err := json.Marshal(Node{Org: "b", Parent: "a", Settings: settingsOf().Draw(t, "settings")})
		require.NoError(t, err)
		require.Empty(t, against(schema, text), string(text))
	})
	for _, text := range []string{
		`{"parent": "a"}`, `{"org": ""}`, `{"org": "a", "x": 1}`, `{"org": "a", "settings": {"x": {}}}`,
		`{"org": "a", "settings": {"password": {"x": 1}}}`, `{"org": "a", "settings": {"password": {"minLength": 7}}}`,
		`{"org": "a", "settings": {"password": {"minLength": "12"}}}`, `{"org": "a", "settings": {"password": {"expiry": 60}}}`,
		`{"org": "a", "settings": {"password": {"expiry": "90m"}}}`, `{"org": "a", "settings": {"session": {"idle": "1m1h"}}}`,
		`{"org": "a", "settings": {"session": {"idle": "never"}}}`, `{"org": "a", "settings": {"secondFactor": {"required": 1}}}`,
		`{"org": "a", "settings": {"secondFactor": {"methods": ["otp", "otp"]}}}`, `{"org": "a", "settings": {"password": {"classes": ["x"]}}}`,
		`{"org": "a", "settings": {"secondFactor": {"methods": ["any"]}}}`, `{"org": "a", "settings": {"verification": {"classes": ["none"]}}}`,
	} {
		require.NotEmpty(t, against(schema, []byte(text)), text)
		_, err := ParseNode([]byte(text))
		require.Error(t, err, text)
	}
}

// What the schema cannot say is refused all the same, and is all that there is.
func TestSchemaCannotSay(t *testing.T) {
	var schema any
	require.NoError(t, json.Unmarshal(Schema(), &schema))
	for text, because := range map[string]string{
		`{"org": "a", "settings": {"password": {"expiry": "3651d"}}}`:                "the bounds of a duration",
		`{"org": "a", "settings": {"password": {"expiry": "5d", "notice": "6d"}}}`:   "what contradicts (C7)",
		`{"org": "a", "settings": {"lockout": {"failures": 5.0}}}`:                   "a number that is whole and written as if it were not",
		`{"org": "a", "settings": {"secondFactor": {"methods": ["one time code"]}}}`: "names that would not be read as one",
		`{"org": "a", "org": "b"}`:                    "twice",
		`{"org": "a\n"}`:                              "ids that do not show",
		`{"org": "` + strings.Repeat("é", 100) + `"}`: "bytes of an id",
	} {
		require.Empty(t, against(schema, []byte(text)), because)
		_, err := ParseNode([]byte(text))
		require.Error(t, err, because)
	}
}

// against checks a text against the part of JSON Schema that ours uses, and returns what is wrong.
func against(schema any, text []byte) string {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err.Error()
	}
	return fits(schema.(map[string]any), v)
}

func fits(schema map[string]any, v any) string {
	if any, ok := schema["anyOf"].([]any); ok {
		if !slices.ContainsFunc(any, func(s interface{}) bool { return fits(s.(map[string]interface{}), v) == "" }) {
			return fmt.Sprintf("%v fits none", v)
		}
		return ""
	}
	if c, ok := schema["const"]; ok && c != v {
		return fmt.Sprintf("%v is not %v", v, c)
	}
	if e, ok := schema["enum"].([]any); ok && !slices.Contains(e, v) {
		return fmt.Sprintf("%v is not one of %v", v, e)
	}
	if n, ok := schema["not"].(map[string]any); ok && fits(n, v) == "" {
		return fmt.Sprintf("%v must not be", v)
	}
	kinds := map[string]reflect.Kind{"string": reflect.String, "integer": reflect.Float64, "boolean": reflect.Bool, "array": reflect.Slice, "object": reflect.Map}
	if k, ok := schema["type"].(string); ok && reflect.ValueOf(v).Kind() != kinds[k] {
		return fmt.Sprintf("%v is no %s", v, k)
	}
	within := func(n float64, least, most string) bool {
		low, isLow := schema[least].(float64)
		high, isHigh := schema[most].(float64)
		return (!isLow || n >= low) && (!isHigh || n <= high)
	}
	switch v := v.(type) {
	case float64:
		if !within(v, "minimum", "maximum") {
			return fmt.Sprintf("%v is out of bounds", v)
		}
	case string:
		p, ok := schema["pattern"].(string)
		if ok && !regexp.MustCompile(p).MatchString(v) || !within(float64(utf8.RuneCountInString(v)), "minLength", "maxLength") {
			return fmt.Sprintf("%q does not match", v)
		}
	case []any:
		for i, one := range v {
			if why := fits(schema["items"].(map[string]any), one); why != "" || slices.Contains(v[:i], one) {
				return fmt.Sprintf("%v: %s, or twice", one, why)
			}
		}
	case map[string]any:
		members := schema["properties"].(map[string]any)
		for name, one := range v {
			if members[name] == nil {
				return name + " is not a member"
			}
			if why := fits(members[name].(map[string]any), one); why != "" {
				return name + ": " + why
			}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Sprint(name, " is missing")
			}
		}
	}
	return ""
}
