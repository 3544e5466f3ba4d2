package storagetest

import (
	"bytes"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

var recordCases = []contractCase{
	{
		name: "get-returns-what-put-wrote",
		rule: "Get returns name, value, version and expiry (UTC, whole milliseconds, rounded down) of the last Put",
		run: func(x *trial) {
			o := x.commit(put("a", "one"))
			x.kept(o)
			o = x.commit(expiring(put("a", "two"), x.now.Add(time.Hour+1234567*time.Nanosecond)))
			x.kept(o)
			o = x.commit(put("a", "three")) // and the expiry goes away again
			x.kept(o)
		},
	},
	{
		name: "get-keeps-the-order",
		rule: "Get returns one record per name in the order of the names; where nothing is stored, one with that name and the zero Version",
		run: func(x *trial) {
			a, b := put("a", "1"), put("b", "2")
			x.commit(b, a)
			found := x.get("b", "missing", "a")
			x.same(found[0], b)
			x.same(found[2], a)
			x.gone("missing")
		},
	},
	{
		name: "any-overwrites",
		rule: "Put with Any writes whether or not something is stored",
		run: func(x *trial) {
			x.commit(put("a", "one"))
			x.kept(x.commit(put("a", "two")))
		},
	},
	{
		name: "absent-creates-once",
		rule: "Put with Absent writes when nothing is stored, else Commit returns ErrConflict and changes nothing",
		run: func(x *trial) {
			first := x.commit(create("a", "first"))
			x.conflict(create("a", "second"))
			x.conflict(expiring(create("a", "second"), x.now.Add(time.Hour)))
			x.conflict(expiring(create("a", "second"), x.now.Add(-time.Hour)))
			x.kept(first)
			x.commit(remove("a"))
			x.kept(x.commit(create("a", "third")))
		},
	},
	{
		name: "match-needs-the-version",
		rule: "Match holds for the stored version alone: not for an older one, not for a foreign one, not when nothing is stored",
		run: func(x *trial) {
			first := x.commit(put("a", "first"))
			second := x.commit(replace("a", first.Version, "second"))
			x.conflict(replace("a", first.Version, "third"))
			x.conflict(replace("a", draw(), "third"))
			x.conflict(replace("missing", second.Version, "third"))
			x.kept(second)
			x.gone("missing")
		},
	},
	{
		name: "versions-are-bytes",
		rule: "versions are equal when all 16 bytes are: no bit, no zero byte, no letter case is ignored",
		run: func(x *trial) {
			v := storage.Version{0, 'a', '\'', '%', 0xff, 0, '\\', ' ', 'A', 0x80, 0, 0, 0, 0, ' ', 0}
			o := put("a", "1")
			o.Version = v
			x.commit(o)
			for i := range v {
				for _, bit := range []byte{0x01, 0x20, 0x80} {
					near := v
					near[i] ^= bit
					x.conflict(check("a", near))
				}
			}
			x.kept(o)
			x.commit(check("a", v))
		},
	},
	{
		name: "delete-removes",
		rule: "Delete with Any removes the record, or succeeds when there is none; with Match it needs the version",
		run: func(x *trial) {
			x.commit(remove("a"))
			x.commit(put("a", "1"))
			x.commit(remove("a"))
			x.gone("a")
			o := x.commit(put("b", "1"))
			x.conflict(removeIf("b", draw()))
			x.kept(o)
			x.commit(removeIf("b", o.Version))
			x.gone("b")
			x.conflict(removeIf("b", o.Version))
		},
	},
	{
		name: "check-changes-nothing",
		rule: "Check holds the batch to a version and leaves the record as it is",
		run: func(x *trial) {
			o := x.commit(expiring(put("a", "1"), x.now.Add(time.Hour)))
			x.commit(check("a", o.Version))
			x.commit(check("a", o.Version), put("b", "2"))
			x.kept(o)
			x.conflict(check("a", draw()))
			x.conflict(check("missing", o.Version))
			x.gone("missing")
		},
	},
	{
		name: "old-versions-stay-old",
		rule: "after a delete and a new Put, an old version never matches again, not even with the same value",
		run: func(x *trial) {
			var old []storage.Version
			for range 3 {
				o := x.commit(put("a", "same"))
				old = append(old, o.Version)
				x.commit(remove("a"))
			}
			last := x.commit(create("a", "same"))
			for _, v := range old {
				x.conflict(replace("a", v, "stolen"))
				x.conflict(removeIf("a", v))
				x.conflict(check("a", v))
			}
			x.kept(last)
		},
	},
	{
		name: "values-are-bytes",
		rule: "a value is any bytes, none to 256 KiB, and comes back unchanged",
		run: func(x *trial) {
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			for name, value := range map[string]string{
				"empty":   "",
				"zero":    "\x00",
				"all":     string(every),
				"no text": "\xff\xfe\xc3\x28",
				"quotes":  `'; DROP TABLE x; -- " \ $1 ? :a {}`,
				"spaces":  "  \r\n\t ",
				"largest": strings.Repeat("\x00\xff'\\", storage.MaxPage/4),
				"usual":   strings.Repeat("x", storage.MaxValue),
			} {
				x.kept(x.commit(put(name, value)))
			}
		},
	},
	{
		name: "memory-is-not-shared",
		rule: "a store keeps no reference to the caller's memory and hands out none of its own",
		run: func(x *trial) {
			o := put("a", "intact")
			mine := bytes.Clone(o.Value)
			written := o
			written.Value = mine
			x.commit(written)
			copy(mine, "XXXXXX")
			x.kept(o)
			copy(x.get("a")[0].Value, "YYYYYY")
			for _, r := range x.scan("a", "", 1) {
				copy(r.Value, "ZZZZZZ")
			}
			x.kept(o)
		},
	},
	{
		name: "handles-agree",
		rule: "Get, Scan and the conditions of Commit see every commit that has returned, through any handle",
		run: func(x *trial) {
			y := x.on(x.handle())
			for range 20 {
				o := x.commit(put("a", "by x"))
				y.kept(o)
				y.lists("a", "", 2, "a")
				o = y.commit(replace("a", o.Version, "by y"))
				x.kept(o)
				x.commit(removeIf("a", o.Version))
				y.gone("a")
				y.lists("a", "", 2)
				y.conflict(check("a", o.Version))
			}
		},
	},
	{
		name: "shards-are-apart",
		rule: "a shard and a name together are the key: the same name in another shard is another record, and no pair of them runs together",
		run: func(x *trial) {
			base := x.shard
			a := x.in(base + "a").commit(put("bc", "1"))
			b := x.in(base + "ab").commit(put("c", "2"))
			c := x.in(base).commit(put("abc", "3"))
			d := x.in(base + "A").commit(put("bc", "4"))
			e := x.in(base + "/").commit(put("bc", "5"))
			x.in(base + "a").kept(a)
			x.in(base + "ab").kept(b)
			x.in(base).kept(c)
			x.in(base + "A").kept(d)
			x.in(base + "/").kept(e)
			x.in(base+"a").lists("", "", 9, "bc")
			x.in(base).lists("", "", 9, "abc")
			x.in(base+"a").commit(remove("bc"), remove("c"), remove("abc"))
			x.in(base + "ab").kept(b)
			x.in(base).kept(c)
			x.in(base + "A").kept(d)
			x.in(base + "ab").conflict(check("c", c.Version))
		},
	},
}
