package redisstore

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Every shard has an index, a sorted set of its names, all with score 0 so that
// they sort by their bytes; and each record is a string. With the default prefix:
//
//	symbolon:{acme/07}                     the names in shard acme/07
//	symbolon:{acme/07}:actor/mia/sessions  one record
//
// What is in braces decides on which node of a cluster a key lies, so a shard
// lies on one. A record is its version (16 bytes), its expiry (8 bytes, most
// significant first, milliseconds since 1970, 0 for never), and its value.
const (
	head  = 24
	count = 16 // bytes of a version
)

// braces writes a shard so that it ends where the brace does.
var braces = strings.NewReplacer("%", "%25", "}", "%7D")

// index returns the key of the index of the shard.
func (s *Store) index(shard string) string {
	return s.prefix + "{" + braces.Replace(shard) + "}"
}

// record returns the key of a record in the shard with the index. The scripts
// take the name from it.
func record(index, name string) string { return index + ":" + name }

func records(index string, names []string) []string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = record(index, name)
	}
	return keys
}

// batch returns what the script takes for b. The index is among the keys only
// when it is written: while a cluster moves a slot, it carries out commands with
// one key and puts off those with several.
func (s *Store) batch(b storage.Batch) (keys []string, args []any) {
	index, indexed := s.index(b.Shard), false
	keys = make([]string, 0, len(b.Ops)+1)
	args = make([]any, 0, 1+4*len(b.Ops))
	args = append(args, b.Now.UnixMilli())
	for _, o := range b.Ops {
		act := act(o)
		indexed = indexed || act == "put" || act == "delete"
		keys = append(keys, record(index, o.Name))
		args = append(args, act, wanted(o), encode(o), s.life(o, b.Now))
	}
	if indexed {
		keys = append(keys, index)
	}
	return keys, args
}

func act(o storage.Op) string {
	switch {
	case o.Act == storage.Delete:
		return "delete"
	case o.Act == storage.Check:
		return "check"
	case o.Point:
		return "point"
	}
	return "put"
}

func wanted(o storage.Op) string {
	switch o.Cond {
	case storage.Absent:
		return ""
	case storage.Match:
		return string(o.If[:])
	}
	return "any"
}

// life returns for how many milliseconds Redis keeps what o puts, or nothing for
// ever. Redis counts them by itself, so its clock need not agree with anybody's.
func (s *Store) life(o storage.Op, now time.Time) string {
	if o.Act != storage.Put || o.ExpiresAt.IsZero() {
		return ""
	}
	left := max(0, o.ExpiresAt.UnixMilli()-now.UnixMilli())
	return strconv.FormatInt(left+s.grace.Milliseconds(), 10)
}

func encode(o storage.Op) []byte {
	if o.Act != storage.Put {
		return nil
	}
	raw := make([]byte, 0, head+len(o.Value))
	raw = append(raw, o.Version[:]...)
	var expires uint64
	if !o.ExpiresAt.IsZero() {
		expires = uint64(o.ExpiresAt.UnixMilli())
	}
	raw = binary.BigEndian.AppendUint64(raw, expires)
	return append(raw, o.Value...)
}

// decode reads what encode wrote. What somebody has damaged is an error, not an
// absent record: that would reopen whatever the record held shut.
func decode(name, raw string) (storage.Record, error) {
	r := storage.Record{Name: name}
	if len(raw) < head {
		return r, fmt.Errorf("the record %.64q is damaged: it has %d bytes", name, len(raw))
	}
	copy(r.Version[:], raw)
	expires := binary.BigEndian.Uint64([]byte(raw[count:head]))
	if r.Version.IsZero() || expires > math.MaxInt64 {
		return r, fmt.Errorf("the record %.64q is damaged: its version or its expiry is impossible", name)
	}
	if expires > 0 {
		r.ExpiresAt = time.UnixMilli(int64(expires)).UTC()
	}
	r.Value = []byte(raw[head:])
	return r, nil
}
