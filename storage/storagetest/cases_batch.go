package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

var batchCases = []contractCase{
	{
		name: "batch-applies-all",
		rule: "when all conditions hold, every op of the batch is applied, whatever their order",
		run: func(x *trial) {
			var ops, puts []storage.Op
			var deleted []string
			for i := range storage.MaxOps / 4 {
				name := func(kind string) string { return fmt.Sprintf("%s-%02d", kind, i) }
				old := x.commit(put(name("replaced"), "old"), put(name("removed"), "old"), put(name("checked"), "old"))
				checked := x.get(name("checked"))[0]
				ops = append(ops,
					replace(name("replaced"), old.Version, "new"),
					remove(name("removed")),
					check(name("checked"), checked.Version),
					create(name("created"), "new"))
				deleted = append(deleted, name("removed"))
			}
			slices.Reverse(ops)
			for _, o := range ops {
				if o.Act == storage.Put {
					puts = append(puts, o)
				}
			}
			x.commit(ops...)
			x.kept(puts...)
			x.gone(deleted...)
		},
	},
	{
		name: "batch-applies-none",
		rule: "when one condition does not hold, wherever it stands in the batch, no op leaves a trace",
		run: func(x *trial) {
			for _, bad := range failing {
				for place := range 4 {
					t := x.in(fresh(x.shard))
					kept := t.commit(put("kept", "old"))
					doomed := t.commit(put("doomed", "old"))
					op := bad(t)
					before := t.get(op.Name)[0]

					t.conflict(slices.Insert([]storage.Op{
						replace("kept", kept.Version, "new"),
						create("created", "new"),
						removeIf("doomed", doomed.Version),
					}, place, op)...)

					t.kept(kept, doomed)
					t.gone("created")
					after := t.get(op.Name)[0]
					lateRemoval := after.Version.IsZero() && !before.Live(t.now)
					if after.Version != before.Version && !lateRemoval {
						x.failf("the failing op at place %d, %s, changed its record", place, describe([]storage.Op{op}))
					}
				}
			}
		},
	},
	{
		name: "two-failing-conditions",
		rule: "a batch of which several conditions do not hold is a conflict like any other",
		run: func(x *trial) {
			o := x.commit(put("a", "1"))
			x.conflict(create("a", "2"), check("b", draw()), removeIf("c", draw()), put("d", "2"))
			x.kept(o)
			x.gone("b", "c", "d")
		},
	},
}

// failing is every kind of op whose condition does not hold: each prepares what
// is stored under the name "bad" and returns the op.
var failing = []func(*trial) storage.Op{
	func(t *trial) storage.Op { t.stored(); return create("bad", "new") },
	func(t *trial) storage.Op { t.stored(); return replace("bad", draw(), "new") },
	func(t *trial) storage.Op { t.stored(); return removeIf("bad", draw()) },
	func(t *trial) storage.Op { t.stored(); return check("bad", draw()) },
	func(*trial) storage.Op { return replace("bad", draw(), "new") },
	func(*trial) storage.Op { return removeIf("bad", draw()) },
	func(*trial) storage.Op { return check("bad", draw()) },
	func(t *trial) storage.Op { return replace("bad", t.expired(), "new") },
	func(t *trial) storage.Op { return removeIf("bad", t.expired()) },
	func(t *trial) storage.Op { return check("bad", t.expired()) },
}

// stored puts a record under the name "bad".
func (x *trial) stored() { x.commit(put("bad", "old")) }

// expired puts a record under the name "bad", lets it expire, and returns its
// version.
func (x *trial) expired() storage.Version {
	o := x.commit(expiring(put("bad", "old"), x.now.Add(time.Minute)))
	x.now = x.now.Add(time.Hour)
	return o.Version
}
