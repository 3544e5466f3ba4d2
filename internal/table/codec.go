package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ErrCorrupt says that a stored record cannot be read: it was damaged, or a
// newer version of this module wrote it. Whoever depends on it refuses (S8).
var ErrCorrupt = errors.New("a stored record cannot be read")

// format is the version of stored records that this module writes. It reads
// what is not newer.
const format = 1

// encode returns v as a JSON object with its format version. Members of the
// record's former value that T does not know are kept: in a fleet that is being
// upgraded an old process must not drop what a new one wrote.
func encode(v any, former []byte) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("record %T is not a JSON object: %w", v, err)
	}
	if former != nil {
		var old map[string]json.RawMessage
		if err := errors.Join(checkFormat(former), json.Unmarshal(former, &old)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		for _, known := range memberNames(reflect.TypeOf(v)) {
			delete(old, known)
		}
		for name, m := range old {
			if _, ours := members[name]; !ours {
				members[name] = m
			}
		}
	}
	members["v"] = json.RawMessage(fmt.Sprint(format))
	return json.Marshal(members)
}

// todays is how most records end that this module writes: members are sorted.
var todays = fmt.Appendf(nil, `,"v":%d}`, format)

func decode(raw []byte, into any) error {
	// Of valid JSON that ends so this is the last member, which is the one that
	// counts, and need not be looked for: records are read on every request.
	if !bytes.HasSuffix(raw, todays) {
		if err := checkFormat(raw); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// checkFormat holds the version of a record to what this module knows.
func checkFormat(raw []byte) error {
	var is struct {
		V int `json:"v"`
	}
	switch err := json.Unmarshal(raw, &is); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case is.V < 1:
		return fmt.Errorf("%w: no format version", ErrCorrupt)
	case is.V > format:
		return fmt.Errorf("%w: its format %d is newer than %d, upgrade this process", ErrCorrupt, is.V, format)
	}
	return nil
}

func memberNames(t reflect.Type) []string {
	names := []string{"v"}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return names
	}
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || f.Anonymous && tag == "":
		case tag != "":
			names = append(names, tag)
		default:
			names = append(names, f.Name)
		}
	}
	return names
}
