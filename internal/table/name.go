package table

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"

	"github.com/symbolon-auth/symbolon/storage"
)

// Shards is the number of buckets into which a tenant's data falls, fixed at
// installation.
const Shards = 64

// Shard is one bucket: what lies in it can change in one commit.
type Shard uint8

// ShardOf returns the bucket of an aggregate. The kind takes part, so that an
// actor and a subject of the same id do not always share one.
func ShardOf(kind, id string) Shard {
	sum := sha256.Sum256([]byte(kind + "\x00" + id))
	return Shard(sum[0] % Shards)
}

// String returns two hexadecimal digits, as they stand in an interaction's id.
func (s Shard) String() string { return fmt.Sprintf("%02x", uint8(s)) }

// ParseShard is the inverse of String; ok is false for anything else.
func ParseShard(s string) (shard Shard, ok bool) {
	for i := range Shard(Shards) {
		if i.String() == s {
			return i, true
		}
	}
	return 0, false
}

const maxPart = 160 // bytes of one escaped component; three of them and their kind stay below storage.MaxName

// Name joins components into a stored name. Each is escaped, so that no id can
// reach into another's names (S20), and a component that would become too long
// stands in as its hash.
func Name(parts ...string) string {
	var room [8]string
	escaped := room[:0]
	for _, p := range parts {
		escaped = append(escaped, escape(p))
	}
	return strings.Join(escaped, "/")
}

var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._@+:", c) >= 0
}

func escape(part string) string {
	const hex = "0123456789abcdef"
	marked := 0
	for i := range len(part) {
		if !plain(part[i]) {
			marked++
		}
	}
	switch {
	case len(part)+2*marked > maxPart: // "~" is never left unescaped, so no short component looks like a hash
		sum := sha256.Sum256([]byte(part))
		return "~" + base32hex.EncodeToString(sum[:])
	case marked == 0:
		return part
	}
	b := make([]byte, 0, len(part)+2*marked)
	for i := range len(part) {
		if c := part[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// NewID draws 128 random bits in base32 behind a prefix that names the kind of
// thing. An Update draws its ids before it begins, since its function may run
// again.
func NewID(rand io.Reader, prefix string) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("%w: draw an id: %w", storage.ErrUnavailable, err)
	}
	return prefix + strings.ToLower(base32hex.EncodeToString(b[:])), nil
}
