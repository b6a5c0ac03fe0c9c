#include "textflag.h"

// func each(all unsafe.Pointer, count, n uintptr)
TEXT ·each(SB), NOSPLIT, $0-24
	MOVD all+0(FP), R2
	MOVD count+8(FP), R3
	MOVD n+16(FP), R4
	B    next

object:
	MOVD.P 8(R2), R0
	SUB    $1, R3
	ADD    R4, R0, R1 // the end
	AND    $~63, R0, R0 // the line of the first byte
	B      more

line:
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0

more:
	CMP R1, R0
	BLO line

next:
	CBNZ R3, object
	RET
