#include "textflag.h"

// func each(all unsafe.Pointer, count, n uintptr)
TEXT ·each(SB), NOSPLIT, $0-24
	MOVQ all+0(FP), DX
	MOVQ count+8(FP), BX
	MOVQ n+16(FP), DI
	JMP  next

object:
	MOVQ (DX), AX
	ADDQ $8, DX
	DECQ BX
	LEAQ (AX)(DI*1), CX // the end
	ANDQ $~63, AX       // the line of the first byte
	JMP  more

line:
	PREFETCHT0 (AX)
	ADDQ       $64, AX

more:
	CMPQ AX, CX
	JCS  line // unsigned less

next:
	TESTQ BX, BX
	JNE   object
	RET
