// Package sketch counts how many different client addresses there were, in 128
// bytes, without keeping any of them. It imports nothing but the standard
// library; whoever counts, stores or reads usage may import it.
//
// # The algorithm
//
// Probabilistic counting with stochastic averaging (Flajolet and Martin, 1985),
// 64 buckets of 16 bits. A keyed hash of the address picks a bucket evenly and
// a level k with probability 2^-(k+1), and that bit is set. So a sketch is a
// set of bits, adding an address twice changes nothing, and the sketch of two
// crowds together is the OR of their sketches: replicas, minutes and keys can
// be added up in any order and any number of times, by a database too.
//
// The number is the one that makes the bits that are set most likely (the
// bits being independent with probability 1 - exp(-n q), q the chance that one
// address sets that very bit). The derivative of the likelihood only falls, so
// halving an interval finds its zero.
//
// # What is promised
//
// Up to some millions of addresses the standard error is below a tenth; a
// handful is counted exactly nearly always. The hash is keyed with a secret of
// the deployment, so nobody outside can choose addresses that look like one
// another, and a sketch does not tell which addresses it has seen to who does
// not have the secret. Of IPv6 a /64 counts as one address, as everywhere.
package sketch

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"net/netip"
	"sync/atomic"
)

const (
	levels  = 16
	buckets = 64

	// Size is the length of a sketch in bytes.
	Size = levels * buckets / 8
)

// ErrMalformed refuses what is no sketch.
var ErrMalformed = errors.New("not a sketch of addresses")

// Sketch is one crowd of addresses. The zero Sketch is an empty one. Word k
// holds the bits of level k, one for each bucket.
type Sketch [levels]uint64 //nolint:recvcheck // what is marshalled need not be addressable

// Mark is what an address leaves in a sketch: the number of one bit.
type Mark uint16

// Hasher turns addresses into marks. Sketches can be merged when they were
// made with the same one.
type Hasher struct{ k0, k1, k2 uint64 }

// NewHasher makes a Hasher of 32 secret bytes.
func NewHasher(secret [32]byte) Hasher {
	return Hasher{
		k0: binary.LittleEndian.Uint64(secret[0:]), k1: binary.LittleEndian.Uint64(secret[8:]),
		k2: binary.LittleEndian.Uint64(secret[16:]),
	}
}

// Network is the address as it is counted: IPv4 as it is, of IPv6 the first
// address of its /64. An invalid address stays invalid.
func Network(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return a
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a
	}
	raw := a.As16()
	clear(raw[8:])
	return netip.AddrFrom16(raw)
}

// Mark answers the bit of an address that [Network] has been applied to.
func (h Hasher) Mark(network netip.Addr) Mark {
	raw := network.As16()
	hi, lo := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	x := fold(hi^h.k0, lo^h.k1)
	x = fold(x^h.k2, h.k0^0x9e3779b97f4a7c15)
	x = fold(x^h.k1, h.k2^0xd6e8feb86659fd93)
	level := min(bits.TrailingZeros64(x>>6), levels-1)
	return Mark(level*buckets + int(x%buckets))
}

// fold multiplies to 128 bits and folds them to 64.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo ^ a
}

// Add adds the address that left the mark.
func (s *Sketch) Add(m Mark) { s[m/buckets%levels] |= 1 << (m % buckets) }

// Merge adds all addresses of another sketch, and reports whether that changed
// anything.
func (s *Sketch) Merge(other *Sketch) (changed bool) {
	for i, w := range other {
		changed = changed || s[i]|w != s[i]
		s[i] |= w
	}
	return changed
}

// Estimate is the likeliest number of different addresses; 0 for an empty
// sketch alone. One that is full answers the largest number it can tell.
func (s *Sketch) Estimate() int64 {
	var set [levels]float64
	empty := true
	for k, w := range s {
		set[k] = float64(bits.OnesCount64(w))
		empty = empty && w == 0
	}
	if empty {
		return 0
	}
	low, high := 0.5, 64*math.Exp2(levels+3)
	for range 60 {
		middle := math.Sqrt(low * high) // halves the order of magnitude
		if slope(&set, middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return int64(math.Round(low))
}

// slope is the derivative of the logarithm of the likelihood of n addresses.
func slope(set *[levels]float64, n float64) float64 {
	total := 0.0
	for k, c := range set {
		q := chance(k)
		total += c*q/math.Expm1(n*q) - (buckets-c)*q
	}
	return total
}

// chance is how likely one address sets one given bit of the level.
func chance(level int) float64 {
	return math.Exp2(-float64(min(level+1, levels-1))) / buckets
}

// Bytes is the sketch as stored: the words, big endian.
func (s *Sketch) Bytes() []byte {
	b := make([]byte, 0, Size)
	for _, w := range s {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

// SetBytes reads what [Sketch.Bytes] wrote; ErrMalformed otherwise.
func (s *Sketch) SetBytes(b []byte) error {
	if len(b) != Size {
		return ErrMalformed
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return nil
}

// MarshalText is the sketch in base64: all of it, or, of one that holds few
// addresses, the numbers of its bits, two bytes each.
func (s Sketch) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// AppendText appends what [Sketch.MarshalText] answers.
func (s *Sketch) AppendText(b []byte) ([]byte, error) {
	var room [Size]byte
	marks := room[:0]
	for level, w := range s {
		for ; w != 0 && len(marks) < Size; w &= w - 1 {
			marks = binary.BigEndian.AppendUint16(marks, uint16(level*buckets+bits.TrailingZeros64(w)))
		}
	}
	if len(marks) == Size {
		marks = s.Bytes()
	}
	return base64.RawURLEncoding.AppendEncode(b, marks), nil
}

// UnmarshalText reads what [Sketch.MarshalText] wrote; ErrMalformed otherwise.
func (s *Sketch) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(raw) > Size || len(raw)%2 != 0 {
		return ErrMalformed
	}
	if len(raw) == Size {
		return s.SetBytes(raw)
	}
	*s = Sketch{}
	for ; len(raw) > 0; raw = raw[2:] {
		m := binary.BigEndian.Uint16(raw)
		if m >= levels*buckets {
			return ErrMalformed
		}
		s.Add(Mark(m))
	}
	return nil
}

// Atomic is a sketch that many goroutines add to at once. Once an address is
// in it, adding it again only reads.
type Atomic [levels]atomic.Uint64

// Add adds the address that left the mark.
func (a *Atomic) Add(m Mark) {
	word, bit := &a[m/buckets%levels], uint64(1)<<(m%buckets)
	if word.Load()&bit == 0 {
		word.Or(bit)
	}
}

// Take empties the sketch into another one.
func (a *Atomic) Take(into *Sketch) {
	for i := range a {
		if a[i].Load() != 0 {
			into[i] |= a[i].Swap(0)
		}
	}
}
