package sealed_test

import (
	"context"
	"fmt"
	"slices"
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
		work := map[string]func(context.Context, storage.Store){
			"put": func(ctx context.Context, s storage.Store) {
				o := put("actor/mia/s/1", value)
				if err := s.Commit(ctx, storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{o}}); err != nil {
					b.Fatal(err)
				}
			},
			"get": func(ctx context.Context, s storage.Store) {
				if _, err := s.Get(ctx, "acme/00", "actor/mia/s/1"); err != nil {
					b.Fatal(err)
				}
			},
		}
		for _, what := range []string{"put", "get"} {
			b.Run(fmt.Sprintf("%s/%d", what, size), func(b *testing.B) {
				var spent [2][]float64 // ns per record and turn; medians, since others use the machine too
				const turn = 100
				for i := 0; i < b.N; i += turn {
					ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second) // as the library has
					for j, store := range []storage.Store{bare, s} {
						began := time.Now()
						for range turn {
							work[what](ctx, store)
						}
						spent[j] = append(spent[j], float64(time.Since(began))/turn)
					}
					cancel()
				}
				was, is := median(spent[0]), median(spent[1])
				b.ReportMetric(is-was, "ns-overhead/record")
				b.ReportMetric(is/was, "sealed/bare")
			})
		}
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
