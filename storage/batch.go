package storage

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Cond is what must hold for an [Op]. The zero Cond is invalid, so that a
// forgotten condition is refused rather than taken for Any.
type Cond uint8

const (
	Any    Cond = iota + 1 // always holds
	Absent                 // nothing live is stored under the name
	Match                  // a live record of exactly the version Op.If is stored
)

// String returns the name of the constant.
func (c Cond) String() string {
	switch c {
	case Any:
		return "Any"
	case Absent:
		return "Absent"
	case Match:
		return "Match"
	}
	return fmt.Sprintf("Cond(%d)", uint8(c))
}

// Act is what an [Op] does. The zero Act is invalid.
type Act uint8

const (
	Put    Act = iota + 1 // write the record, with any condition
	Delete                // remove the record if there is one, with Any or Match
	Check                 // only hold the batch to the condition, which is Match
)

// String returns the name of the constant.
func (a Act) String() string {
	switch a {
	case Put:
		return "Put"
	case Delete:
		return "Delete"
	case Check:
		return "Check"
	}
	return fmt.Sprintf("Act(%d)", uint8(a))
}

// Op is one step of a [Batch].
//
// There is no Check for Absent: two batches that each check that the other's
// record is absent can both go through on an engine that locks only rows that
// exist. Whoever depends on absence rewrites a guard record with Match instead.
type Op struct {
	Act       Act
	Name      string
	Cond      Cond
	If        Version   // with Match: the version that must be stored
	Value     []byte    // with Put
	Version   Version   // with Put: a new one, see NewVersion
	ExpiresAt time.Time // with Put; zero is never; kept in whole milliseconds, rounded down
	Point     bool      // with Put: nobody looks for this name with Scan, so it may stay out of an ordered index
}

// Holds reports whether the condition of o is met when found is what the store
// has under o.Name (the zero Record when there is nothing). It is the one
// definition of G5: what is expired at now is not there, for no condition.
func (o Op) Holds(found Record, now time.Time) bool {
	live := found.Live(now)
	switch o.Cond {
	case Any:
		return true
	case Absent:
		return !live
	case Match:
		return live && found.Version == o.If
	}
	return false
}

// Batch is a unit of work: all of its ops are applied, or none.
type Batch struct {
	Shard string    // everything in it lies in this shard
	Now   time.Time // the library's clock, decides what is expired
	Ops   []Op      // 1 to MaxOps, each with another name
}

// Validate reports what makes b fall outside the contract, as an error that
// wraps [ErrInvalid] and names the op and the rule, or nil. Every store calls
// it first, so that all of them refuse the same.
func (b Batch) Validate() error {
	if err := validName("shard", b.Shard); err != nil {
		return err
	}
	if b.Now.IsZero() { // a forgotten clock would bring every expired record back
		return invalid("Batch.Now must be set")
	}
	if n := len(b.Ops); n < 1 || n > MaxOps {
		return invalid("a batch has 1 to %d ops, not %d", MaxOps, n)
	}
	total := 0
	seen := make(map[string]struct{}, len(b.Ops))
	for i, o := range b.Ops {
		if err := o.validate(); err != nil {
			return fmt.Errorf("op %d: %w", i, err)
		}
		if _, twice := seen[o.Name]; twice {
			return fmt.Errorf("op %d: %w", i, invalid("name %q occurs twice, names are distinct", o.Name))
		}
		seen[o.Name] = struct{}{}
		total += len(o.Value)
	}
	if total > MaxBatch {
		return invalid("the values of a batch have at most %d bytes, not %d", MaxBatch, total)
	}
	return nil
}

// validate checks o by itself.
func (o Op) validate() error {
	if err := validName("name", o.Name); err != nil {
		return err
	}
	if o.Cond < Any || o.Cond > Match {
		return invalid("%v is no condition", o.Cond)
	}
	if (o.Cond == Match) == o.If.IsZero() {
		return invalid("If is set with Match and only then")
	}
	switch o.Act {
	case Put:
		return o.validatePut()
	case Delete:
		if o.Cond == Absent {
			return invalid("Delete goes with Any or Match, not with Absent")
		}
	case Check:
		if o.Cond != Match {
			return invalid("Check goes with Match only, not with %v", o.Cond)
		}
	default:
		return invalid("%v is no act", o.Act)
	}
	if o.Value != nil || !o.Version.IsZero() || !o.ExpiresAt.IsZero() || o.Point {
		return invalid("%v carries no Value, Version, ExpiresAt or Point", o.Act)
	}
	return nil
}

func (o Op) validatePut() error {
	switch {
	case o.Version.IsZero():
		return invalid("Put needs a Version")
	case o.Version == o.If:
		return invalid("Put needs a new Version, not the one that it replaces")
	case len(o.Value) > MaxPage:
		return invalid("a value has at most %d bytes, not %d", MaxPage, len(o.Value))
	case !o.ExpiresAt.IsZero() && (o.ExpiresAt.UnixMilli() <= 0 || o.ExpiresAt.Year() > 9999):
		return invalid("ExpiresAt lies between 1970 and 9999")
	}
	return nil
}

// ValidNames reports what is wrong with the arguments of a Get, as an error
// that wraps [ErrInvalid], or nil.
func ValidNames(shard string, names []string) error {
	if err := validName("shard", shard); err != nil {
		return err
	}
	if n := len(names); n < 1 || n > MaxOps {
		return invalid("a Get has 1 to %d names, not %d", MaxOps, n)
	}
	seen := make(map[string]struct{}, len(names))
	for i, name := range names {
		if err := validName("name", name); err != nil {
			return fmt.Errorf("name %d: %w", i, err)
		}
		if _, twice := seen[name]; twice {
			return fmt.Errorf("name %d: %w", i, invalid("name %q occurs twice, names are distinct", name))
		}
		seen[name] = struct{}{}
	}
	return nil
}

// ValidScan reports what is wrong with the arguments of a Scan, as an error
// that wraps [ErrInvalid], or nil.
func ValidScan(shard, prefix, after string, limit int) error {
	if err := validName("shard", shard); err != nil {
		return err
	}
	for _, part := range [...]struct{ what, s string }{{"prefix", prefix}, {"after", after}} {
		if part.s == "" {
			continue
		}
		if err := validName(part.what, part.s); err != nil {
			return err
		}
	}
	if limit < 1 || limit > MaxScan {
		return invalid("the limit of a Scan is 1 to %d, not %d", MaxScan, limit)
	}
	return nil
}

// validName holds s to the rules of names and shards: what every engine can
// keep as a key, compare by bytes, and give back unchanged.
func validName(what, s string) error {
	switch {
	case s == "":
		return invalid("the %s is empty", what)
	case len(s) > MaxName:
		return invalid("a %s has at most %d bytes, not %d", what, MaxName, len(s))
	case !utf8.ValidString(s):
		return invalid("the %s %.64q is not valid UTF-8", what, s)
	case strings.Contains(s, "\x00"):
		return invalid("the %s %.64q contains NUL", what, s)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
