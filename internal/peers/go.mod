module github.com/symbolon-auth/symbolon/internal/peers

go 1.26.0

require github.com/symbolon-auth/symbolon v0.1.0

replace github.com/symbolon-auth/symbolon => ../..
