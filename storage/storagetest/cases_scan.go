package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

var scanCases = []contractCase{
	{
		name: "scan-returns-records",
		rule: "Scan returns whole records: name, value, version and expiry as Get does, and nothing that was deleted",
		run: func(x *trial) {
			a := expiring(put("p/a", "1"), x.now.Add(time.Hour))
			b := put("p/b", "\x00\xff")
			x.commit(a, b, put("p/c", "3"), put("q", "4"))
			x.commit(remove("p/c"))
			found := x.scan("p/", "", 9)
			if len(found) != 2 {
				x.failf("scan found %d records, not 2", len(found))
			}
			x.same(found[0], a)
			x.same(found[1], b)
			x.in(fresh("empty")).lists("", "", 9)
		},
	},
	{
		name: "scan-stops-at-the-limit",
		rule: "Scan returns the first limit records and no more",
		run: func(x *trial) {
			x.fill("a", "b", "c")
			x.lists("", "", 1, "a")
			x.lists("", "", 2, "a", "b")
			x.lists("", "", 3, "a", "b", "c")
			x.lists("", "", 4, "a", "b", "c")
		},
	},
	{
		name: "after-is-a-place",
		rule: "Scan returns what sorts after the given name, which need not exist nor begin with the prefix",
		run: func(x *trial) {
			x.fill("a", "p/1", "p/3", "p/5", "q")
			x.lists("p/", "", 9, "p/1", "p/3", "p/5")
			x.lists("p/", "a", 9, "p/1", "p/3", "p/5")
			x.lists("p/", "p/", 9, "p/1", "p/3", "p/5")
			x.lists("p/", "p/1", 9, "p/3", "p/5")
			x.lists("p/", "p/2", 9, "p/3", "p/5")
			x.lists("p/", "p/3", 1, "p/5")
			x.lists("p/", "p/5", 9)
			x.lists("p/", "q", 9)
			x.lists("", "p/3", 9, "p/5", "q")
			x.lists("p/1", "p/1", 9)
		},
	},
	{
		name: "pages-join",
		rule: "paging with after returns each record that stays in place once and in order, while others are written and the record at the seam is deleted",
		run: func(x *trial) {
			var all []string
			for i := range 100 {
				all = append(all, fmt.Sprintf("p/%03d", i))
			}
			x.fill(all...)
			x.fill("o", "q")
			var seen []string
			after := ""
			for page := range len(all) { // a store that starts over must not hold us up
				found := x.scan("p/", after, 7)
				for _, r := range found {
					seen = append(seen, r.Name)
				}
				if len(found) < 7 {
					break
				}
				after = found[len(found)-1].Name
				x.commit(remove(after), put(all[0], "changed"), put(fmt.Sprintf("p/-%d", page), "behind"))
			}
			if !slices.Equal(seen, all) {
				x.failf("pages joined to %q", seen)
			}
		},
	},
	{
		name: "scan-large-shard",
		rule: "Scan pages through thousands of records without loss, repetition or disorder",
		run: func(x *trial) {
			const n = 3000
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("n/%06d", i*7919%n)
			}
			x.fill(names...)
			slices.Sort(names)
			seen := 0
			for after := ""; ; {
				found := x.scan("n/", after, storage.MaxScan)
				for i, r := range found {
					if seen+i >= n || r.Name != names[seen+i] {
						x.failf("record %d is %q", seen+i, r.Name)
					}
				}
				seen += len(found)
				if len(found) < storage.MaxScan {
					break
				}
				after = found[len(found)-1].Name
			}
			if seen != n {
				x.failf("found %d records, not %d", seen, n)
			}
		},
	},
}
