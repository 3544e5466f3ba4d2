package storage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Validate reports what makes b fall outside the contract, as an error that
// wraps [ErrInvalid] and names the op and the rule, or nil. Every store calls
// it first, so that all of them refuse the same.
func (b Batch) Validate() error {
	if err := validName(b.Shard); err != nil {
		return fmt.Errorf("%w: the shard %w", ErrInvalid, err)
	}
	if b.Now.IsZero() { // a forgotten clock would bring every expired record back
		return fmt.Errorf("%w: Batch.Now is not set", ErrInvalid)
	}
	if n := len(b.Ops); n < 1 || n > MaxOps {
		return fmt.Errorf("%w: a batch has 1 to %d ops, not %d", ErrInvalid, MaxOps, n)
	}
	if b.Room < 0 || b.Room > MaxRoom {
		return fmt.Errorf("%w: Batch.Room is 0 to %d, not %d", ErrInvalid, MaxRoom, b.Room)
	}
	total := 0
	for i, o := range b.Ops {
		if err := o.validate(b.Room); err != nil {
			return fmt.Errorf("%w: op %d (%v %.64q): %w", ErrInvalid, i, o.Act, o.Name, err)
		}
		if slices.ContainsFunc(b.Ops[:i], func(p Op) bool { return p.Name == o.Name }) {
			return fmt.Errorf("%w: op %d (%v %.64q): another op has the same name", ErrInvalid, i, o.Act, o.Name)
		}
		total += len(o.Value)
	}
	if most := MaxBatch + b.Room*len(b.Ops); total > most {
		return fmt.Errorf("%w: the values of a batch have at most %d bytes, not %d", ErrInvalid, most, total)
	}
	return nil
}

// validate returns the rule that o breaks by itself.
func (o Op) validate(room int) error {
	if err := validName(o.Name); err != nil {
		return fmt.Errorf("its name %w", err)
	}
	if o.Cond < Any || o.Cond > Match {
		return fmt.Errorf("%v is no condition", o.Cond)
	}
	if (o.Cond == Match) == o.If.IsZero() {
		return errors.New("the field If is set with Match, and only then")
	}
	switch o.Act {
	case Put:
		return o.validatePut(room)
	case Delete:
		if o.Cond == Absent {
			return errors.New("a Delete goes with Any or Match")
		}
	case Check:
		if o.Cond != Match {
			return errors.New("a Check goes with Match only; to depend on absence, rewrite a guard record")
		}
	default:
		return fmt.Errorf("%v is no act", o.Act)
	}
	if o.Value != nil || !o.Version.IsZero() || !o.ExpiresAt.IsZero() || o.Point {
		return errors.New("only a Put carries Value, Version, ExpiresAt or Point")
	}
	return nil
}

func (o Op) validatePut(room int) error {
	switch {
	case o.Version.IsZero():
		return errors.New("a Put needs a Version")
	case o.Version == o.If:
		return errors.New("a Put needs a new Version, not the one that it replaces")
	case len(o.Value) > MaxPage+room:
		return fmt.Errorf("a value has at most %d bytes, not %d", MaxPage+room, len(o.Value))
	case !o.ExpiresAt.IsZero() && (o.ExpiresAt.UnixMilli() <= 0 || o.ExpiresAt.Year() > 9999):
		return errors.New("its ExpiresAt lies outside of the years 1970 to 9999")
	}
	return nil
}

// ValidNames reports what is wrong with the arguments of a Get, as an error
// that wraps [ErrInvalid], or nil.
func ValidNames(shard string, names []string) error {
	if err := validName(shard); err != nil {
		return fmt.Errorf("%w: the shard %w", ErrInvalid, err)
	}
	if n := len(names); n < 1 || n > MaxOps {
		return fmt.Errorf("%w: a Get has 1 to %d names, not %d", ErrInvalid, MaxOps, n)
	}
	for i, name := range names {
		if err := validName(name); err != nil {
			return fmt.Errorf("%w: name %d %w", ErrInvalid, i, err)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%w: name %d, %.64q, occurs twice", ErrInvalid, i, name)
		}
	}
	return nil
}

// ValidScan reports what is wrong with the arguments of a Scan, as an error
// that wraps [ErrInvalid], or nil.
func ValidScan(shard, prefix, after string, limit int) error {
	if err := validName(shard); err != nil {
		return fmt.Errorf("%w: the shard %w", ErrInvalid, err)
	}
	if err := validName(prefix); prefix != "" && err != nil {
		return fmt.Errorf("%w: the prefix %w", ErrInvalid, err)
	}
	if err := validName(after); after != "" && err != nil {
		return fmt.Errorf("%w: the name after %w", ErrInvalid, err)
	}
	if limit < 1 || limit > MaxScan {
		return fmt.Errorf("%w: the limit of a Scan is 1 to %d, not %d", ErrInvalid, MaxScan, limit)
	}
	return nil
}

// validName holds s to the rule of names and shards: what every engine can keep
// as a key, compare by bytes, and give back unchanged.
func validName(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > MaxName:
		return fmt.Errorf("has at most %d bytes, not %d", MaxName, len(s))
	case !utf8.ValidString(s):
		return errors.New("is not valid UTF-8")
	case strings.Contains(s, "\x00"):
		return errors.New("contains NUL")
	}
	return nil
}
