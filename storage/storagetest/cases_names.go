package storagetest

import (
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon/storage"
)

// awkward are names that some engine or adapter has taken for something else.
// They are in byte order.
var awkward = []string{
	"\t",
	" ",
	" a",
	`"; DROP TABLE records; --`,
	"$1",
	"%",
	"'",
	"' OR '1'='1",
	"''",
	"*",
	"--",
	"..",
	"/",
	"//",
	":name",
	"?",
	"@p1",
	"A",
	"[a-z]",
	`\`,
	`\%`,
	`\x00`,
	"_",
	"a",
	"a ", // MySQL pads
	"a%",
	"a/",
	"aa",
	"a\u0308", // the same to the eye as ä, other bytes
	"null",
	"{tag}",
	"\x7f",
	"Ä",
	"ß",
	"ä",
	"İ",      // folds to two characters
	"ſ",      // folds to s
	"\u2028", // a line end to JavaScript
	"\ufeff", // byte order mark
	"\uffff", // after the next in UTF-16
	"\U0001F600",
	"\U0010FFFF",
	"\U0010FFFFa",
}

var nameCases = []contractCase{
	{
		name: "names-are-bytes",
		rule: "two names or shards are the same only when their bytes are: no case folding, no collation, no normal form, no padding, no wildcard, no quoting",
		run: func(x *trial) {
			for chunk := range slices.Chunk(awkward, storage.MaxOps) {
				var ops []storage.Op
				for _, name := range chunk {
					ops = append(ops, create(name, "value of "+name))
				}
				x.commit(ops...)
				x.kept(ops...)
				for i, r := range x.get(chunk...) {
					x.same(r, ops[i])
				}
			}
			for _, shard := range awkward {
				x.in(x.shard + shard).commit(create("same", shard))
			}
			for i, shard := range awkward {
				if got := x.in(x.shard + shard).get("same")[0]; string(got.Value) != awkward[i] {
					x.failf("shard %q holds the record of shard %q", shard, got.Value)
				}
			}
		},
	},
	{
		name: "names-may-be-long",
		rule: "names and shards of 512 bytes work, and differ when their last byte differs",
		run: func(x *trial) {
			long := strings.Repeat("ü", storage.MaxName/2-1)
			y := x.in(x.shard + strings.Repeat("s", storage.MaxName-len(x.shard)))
			a, b := create(long+"aa", "1"), create(long+"ab", "2")
			y.commit(a, b)
			y.kept(a, b)
			y.lists(long, "", 9, a.Name, b.Name)
			y.lists("", a.Name, 9, b.Name)
			y.lists(b.Name, "", 9, b.Name)
		},
	},
	{
		name: "names-sort-by-bytes",
		rule: "Scan returns names in the order of their bytes, whatever language the database is set to, and in neither UTF-16 nor dictionary order",
		run: func(x *trial) {
			x.fill(awkward...)
			x.lists("", "", storage.MaxScan, awkward...)
			for i, name := range awkward {
				x.lists("", name, storage.MaxScan, awkward[i+1:]...)
			}
		},
	},
	{
		name: "a-prefix-is-literal",
		rule: "the prefix of a Scan is compared byte by byte: % _ * ? [ ] and backslash are themselves and letter case counts",
		run: func(x *trial) {
			all := append([]string{"a_b", "axb", "a%b", `a\b`, `a\_b`, "a*b", "a?b", "a[x]b", "A_b", "ab", "ax"}, awkward...)
			slices.Sort(all)
			x.fill(all...)
			for _, prefix := range append(slices.Clone(all), "a[", "[a", `\_`, "%b", "a/%", "\U0010FFFF\U0010FFFF") {
				var want []string
				for _, name := range all {
					if strings.HasPrefix(name, prefix) {
						want = append(want, name)
					}
				}
				x.lists(prefix, "", storage.MaxScan, want...)
			}
		},
	},
}

// fill creates a record under each name.
func (x *trial) fill(names ...string) {
	for chunk := range slices.Chunk(names, storage.MaxOps) {
		var ops []storage.Op
		for _, name := range chunk {
			ops = append(ops, put(name, "value of "+name))
		}
		x.commit(ops...)
	}
}
