package sealed_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// BenchmarkOverhead interleaves a sealed and a bare store in memory and reports
// what sealing adds to one record, written or read.
func BenchmarkOverhead(b *testing.B) {
	for _, size := range []int{300, 4 << 10} {
		value := strings.Repeat("x", size)
		bare := memory.New()
		s := over(b, memory.New(), nil)
		work := map[string]func(storage.Store, int){
			"put": func(s storage.Store, i int) {
				o := put("actor/mia/s/1", value)
				if err := s.Commit(b.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{o}}); err != nil {
					b.Fatal(err)
				}
			},
			"get": func(s storage.Store, i int) {
				if _, err := s.Get(b.Context(), "acme/00", "actor/mia/s/1"); err != nil {
					b.Fatal(err)
				}
			},
		}
		for _, what := range []string{"put", "get"} {
			b.Run(fmt.Sprintf("%s/%d", what, size), func(b *testing.B) {
				var spent [2]time.Duration
				const turn = 100
				for i := 0; i < b.N; i += turn {
					for j, store := range []storage.Store{bare, s} {
						began := time.Now()
						for k := range turn {
							work[what](store, k)
						}
						spent[j] += time.Since(began)
					}
				}
				n := float64((b.N + turn - 1) / turn * turn)
				b.ReportMetric(float64(spent[1]-spent[0])/n, "ns-overhead/record")
				b.ReportMetric(float64(spent[1])/float64(spent[0]), "sealed/bare")
			})
		}
	}
}
