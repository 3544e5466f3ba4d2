package policy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Schema returns the JSON Schema of a file that [ReadFiles] reads, made from the same table as the reader. It is
// published as settings.schema.json. It cannot say everything: the bounds of durations, and which values contradict each
// other, are in its descriptions.
func Schema() []byte {
	groups := map[string]any{}
	members := map[string]map[string]any{}
	for i := range fields {
		group, name, _ := strings.Cut(string(fields[i].field), ".")
		if members[group] == nil {
			members[group] = map[string]any{}
			groups[group] = object(members[group])
		}
		members[group][name] = fields[i].schema()
	}
	id := map[string]any{"type": "string", "minLength": 1, "maxLength": 128}
	file := object(map[string]any{
		"$schema":  map[string]any{"type": "string"},
		"org":      id,
		"parent":   id,
		"settings": object(groups),
	})
	file["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	file["title"] = "An organisation and what it wishes"
	file["required"] = []string{"org"}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		panic("policy: a map of texts and numbers marshals: " + err.Error())
	}
	return append(text, '\n')
}

func object(members map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": members, "additionalProperties": false}
}

var stricter = map[order]string{
	lower: "lower is stricter", higher: "higher is stricter",
	all: "more is stricter", common: "fewer is stricter",
}

func (s *spec) schema() map[string]any {
	is := map[string]any{}
	switch s.kind {
	case number:
		is["type"], is["minimum"], is["maximum"] = "integer", s.least, s.most
	case span:
		is["type"], is["minLength"], is["pattern"] = "string", 2, s.pattern()
	case yesNo:
		is["type"] = "boolean"
	case set:
		name := map[string]any{"type": "string", "minLength": 1, "maxLength": maxName, "not": map[string]any{"enum": reserved}}
		if s.words != nil {
			name = map[string]any{"enum": s.words}
		}
		is["type"], is["items"], is["uniqueItems"], is["maxItems"] = "array", name, true, maxNames
	}
	if s.endless != "" {
		is = map[string]any{"anyOf": []any{is, map[string]any{"const": s.endless}}}
	}
	standard, err := json.Marshal(s.json(s.standard))
	if err != nil {
		panic("policy: a standard marshals: " + err.Error())
	}
	order := stricter[s.order]
	if s.kind == yesNo {
		order = "true is stricter"
	}
	group, _, _ := strings.Cut(string(s.field), ".")
	is["title"] = groupTitles[group] + ": " + s.title
	is["description"] = fmt.Sprintf("%s; %s; %s if nobody sets it", s.form(), order, standard)
	return is
}

// pattern matches durations in the units of the field, each once at most, greatest first.
func (s *spec) pattern() string {
	var each strings.Builder
	for _, u := range spanUnits {
		if u.seconds >= s.unit {
			fmt.Fprintf(&each, "([0-9]+%c)?", u.letter)
		}
	}
	return "^" + each.String() + "$"
}
