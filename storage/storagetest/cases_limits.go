package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

var limitCases = []contractCase{
	{
		name: "limits-are-reached",
		rule: "a batch of 32 ops, a batch of 2 MiB of values and a Get of 32 names with 512 bytes each work",
		run: func(x *trial) {
			var names []string
			var small, large []storage.Op
			for i := range storage.MaxOps {
				name := fmt.Sprintf("%02d%s", i, strings.Repeat("n", storage.MaxName-2))
				names = append(names, name)
				small = append(small, create(name, "1"))
				large = append(large, replace(name, small[i].Version, strings.Repeat(fmt.Sprint(i%10), storage.MaxValue)))
			}
			x.commit(small...)
			x.commit(large...)
			for i, r := range x.get(names...) {
				x.same(r, large[i])
			}
			x.lists("", "", storage.MaxOps, names...)
		},
	},
	{
		name: "wrappers-have-room",
		rule: "with a Batch.Room of 64 values of 256 KiB and 64 bytes work, and a batch that has so much more for each of its 32 ops; beyond that is ErrInvalid",
		run: func(x *trial) {
			const room = storage.MaxRoom / 2 // so that a wrapper can pass, which needs some itself
			roomy := func(room int, ops ...storage.Op) error {
				return x.store.Commit(x.ctx, storage.Batch{Shard: x.shard, Now: x.now, Ops: ops, Room: room})
			}
			page := put("page", strings.Repeat("p", storage.MaxPage+room))
			x.must(roomy(room, page), "commit of a page with room")
			var all []storage.Op
			for i := range storage.MaxOps {
				all = append(all, put(fmt.Sprint(i), strings.Repeat("v", storage.MaxValue+room)))
			}
			x.must(roomy(room, all...), "commit of 32 values with room")
			x.kept(append(all, page)...)
			longer := put("longer", string(page.Value)+"v")
			for what, err := range map[string]error{
				"a page that is longer than its room": roomy(room, longer),
				"a page without room":                 roomy(0, put("page", string(page.Value))),
				"more room than there is":             roomy(storage.MaxRoom+1, put("a", "1")),
				"less than no room":                   roomy(-1, put("a", "1")),
				"a batch that is longer than its room": roomy(room, append(all[:storage.MaxOps-1:storage.MaxOps-1],
					put("longer", strings.Repeat("v", storage.MaxValue+room+1)))...),
			} {
				if !errors.Is(err, storage.ErrInvalid) {
					x.failf("%s returned %v, which is not ErrInvalid", what, err)
				}
			}
			x.gone("longer", "a")
		},
	},
	{
		name: "outside-is-refused",
		rule: "a call outside the contract returns an error that wraps ErrInvalid, and nothing of it is applied",
		run: func(x *trial) {
			invalid := func(what string, err error) {
				if !errors.Is(err, storage.ErrInvalid) {
					x.failf("%s returned %v, which is not ErrInvalid", what, err)
				}
			}
			noVersion := put("a", "1")
			noVersion.Version = storage.Version{}
			noAct, noCond, noName := put("a", "1"), put("a", "1"), put("", "1")
			noAct.Act, noCond.Cond = 0, 0
			absent := check("a", draw())
			absent.Cond, absent.If = storage.Absent, storage.Version{}
			var tooMany []storage.Op
			for i := range storage.MaxOps + 1 {
				tooMany = append(tooMany, put(fmt.Sprint(i), "1"))
			}
			page := strings.Repeat("v", storage.MaxPage)
			for what, ops := range map[string][]storage.Op{
				"a batch without ops":           {},
				"a batch of 33 ops":             tooMany,
				"two ops with one name":         {put("a", "1"), put("a", "2")},
				"a Put without a version":       {put("b", "1"), noVersion},
				"a zero Act":                    {put("b", "1"), noAct},
				"a zero Cond":                   {put("b", "1"), noCond},
				"an empty name":                 {put("b", "1"), noName},
				"a Check with Absent":           {put("b", "1"), absent},
				"a name of 513 bytes":           {put("b", "1"), put(strings.Repeat("n", storage.MaxName+1), "1")},
				"a name with NUL":               {put("b", "1"), put("a\x00", "1")},
				"a name that is not UTF-8":      {put("b", "1"), put("a\xff", "1")},
				"a value of 256 KiB and a byte": {put("b", "1"), put("a", page+"v")},
				"a batch of more than 2 MiB":    {put("1", page), put("2", page), put("3", page), put("4", page), put("5", page), put("6", page), put("7", page), put("8", page), put("b", "1")},
			} {
				invalid(what, x.try(ops...))
			}
			invalid("a batch without a time", x.at(time.Time{}).try(put("b", "1")))
			invalid("a batch without a shard", x.in("").try(put("b", "1")))
			_, err := x.store.Get(x.ctx, x.shard)
			invalid("a Get of no names", err)
			_, err = x.store.Get(x.ctx, x.shard, "a", "a")
			invalid("a Get of one name twice", err)
			_, err = x.store.Scan(x.ctx, x.shard, "", "", 0)
			invalid("a Scan with limit 0", err)
			_, err = x.store.Scan(x.ctx, x.shard, "", "", storage.MaxScan+1)
			invalid("a Scan with limit 1025", err)
			_, err = x.store.Scan(x.ctx, x.shard, "\xff", "", 1)
			invalid("a Scan for a prefix that is not UTF-8", err)
			x.lists("", "", storage.MaxScan)
		},
	},
	{
		name: "an-ended-context-is-an-error",
		rule: "with a context that has ended every method returns an error, which is not ErrConflict, and the store works on for others",
		run: func(x *trial) {
			ctx, cancel := context.WithCancel(x.ctx)
			cancel()
			o := x.commit(put("a", "1"))
			_, getErr := x.store.Get(ctx, x.shard, "a")
			_, scanErr := x.store.Scan(ctx, x.shard, "", "", 1)
			commitErr := x.store.Commit(ctx, storage.Batch{Shard: x.shard, Now: x.now, Ops: []storage.Op{put("b", "1")}})
			for what, err := range map[string]error{"Get": getErr, "Scan": scanErr, "Commit": commitErr} {
				if err == nil || errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrInvalid) {
					x.failf("%s returned %v", what, err)
				}
			}
			x.kept(o)
			x.kept(x.commit(replace("a", o.Version, "2")))
		},
	},
}
