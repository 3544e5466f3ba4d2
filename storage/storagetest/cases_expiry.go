package storagetest

import "time"

var expiryCases = []contractCase{
	{
		name: "live-until-expiry",
		rule: "before its ExpiresAt a record counts as there: Absent fails, Match and Check hold",
		run: func(x *trial) {
			end := x.now.Add(time.Hour).Truncate(time.Millisecond)
			o := x.commit(expiring(put("a", "1"), end))
			before := x.at(end.Add(-time.Millisecond))
			before.conflict(create("a", "2"))
			before.commit(check("a", o.Version))
			before.kept(o)
			before.commit(replace("a", o.Version, "2"))
		},
	},
	{
		name: "absent-from-expiry",
		rule: "from its ExpiresAt on, to the millisecond, a record counts as absent: Absent holds",
		run: func(x *trial) {
			end := x.now.Add(time.Hour).Truncate(time.Millisecond)
			for name, now := range map[string]time.Time{
				"at the moment":      end,
				"in its millisecond": end.Add(999 * time.Microsecond),
				"just after":         end.Add(time.Millisecond),
				"long after":         end.AddDate(1, 0, 0),
			} {
				x.commit(expiring(put(name, "old"), end))
				x.kept(x.at(now).commit(create(name, "new")))
			}
			x.commit(expiring(put("rounded", "old"), end.Add(999*time.Microsecond)))
			x.kept(x.at(end).commit(create("rounded", "new")))
		},
	},
	{
		name: "expired-never-matches",
		rule: "Match and Check fail on a record that is expired at Batch.Now, even with the right version",
		run: func(x *trial) {
			o := x.commit(expiring(put("a", "1"), x.now.Add(time.Hour)))
			late := x.at(x.now.Add(2 * time.Hour))
			late.conflict(check("a", o.Version))
			late.conflict(replace("a", o.Version, "2"))
			late.conflict(removeIf("a", o.Version))
			late.commit(remove("a"))
			late.gone("a")
		},
	},
	{
		name: "expiry-can-be-taken-away",
		rule: "each Put sets the expiry anew: a shorter one, a longer one, or none, and nothing is left of the one before",
		run: func(x *trial) {
			o := x.commit(expiring(put("a", "1"), x.now.Add(time.Minute)))
			o = x.commit(replace("a", o.Version, "2"))
			x.at(x.now.AddDate(50, 0, 0)).commit(check("a", o.Version))
			o = x.commit(expiring(replace("a", o.Version, "3"), x.now.Add(time.Hour)))
			x.at(x.now.Add(30 * time.Minute)).commit(check("a", o.Version))
			x.at(x.now.Add(time.Hour)).conflict(check("a", o.Version))
		},
	},
	{
		name: "the-clock-is-the-batch's",
		rule: "Batch.Now alone decides what is expired, not the engine's clock: nothing is removed early on a host whose clock is ahead, nothing lives on where it is behind",
		run: func(x *trial) {
			for name, shift := range map[string]int{"behind": -3, "ahead": 3} {
				there := x.at(x.now.AddDate(shift, 0, 0))
				o := there.commit(expiring(put(name, "1"), there.now.Add(time.Hour)))
				there.kept(o)
				there.commit(check(name, o.Version))
				there.conflict(create(name, "2"))
				later := there.at(there.now.Add(time.Hour))
				later.conflict(check(name, o.Version))
				later.commit(create(name, "2"))
			}
		},
	},
	{
		name: "expired-from-the-start",
		rule: "a Put whose ExpiresAt has passed is accepted and counts as absent at once",
		run: func(x *trial) {
			o := x.commit(expiring(put("a", "1"), x.now.Add(-time.Hour)))
			x.conflict(check("a", o.Version))
			x.kept(x.commit(create("a", "2")))
		},
	},
}
