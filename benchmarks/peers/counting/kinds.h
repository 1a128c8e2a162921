/* What kind of work an A64 instruction does, told from its 32 bits.

   Source: Arm Architecture Reference Manual for A-profile (DDI 0487), chapter C4, "A64 instruction set
   encoding"; each test below names the table of that chapter it reads. Told apart is what the Cortex-A72 and
   the Cortex-A76 execute (Armv8.0, Armv8.2 with FP16 and dot product): no SVE, no matrix multiplication. */

#include <stdint.h>

enum kind { DOT, INTEGER_MAC, FLOAT_MAC, VECTOR, LOAD, STORE, BRANCH, SCALAR, KINDS };

static const char *const KIND_NAMES[KINDS] = {
    "dot_product",          /* SDOT, UDOT: 16 products of bytes, added up, in one instruction */
    "integer_multiply_add", /* other vector products of integers, and the instructions that add them up */
    "float_multiply_add",   /* FMLA, FMLS, FMADD */
    "other_vector",         /* the rest on vector and floating-point registers */
    "load", "store", "branch",
    "scalar",               /* the rest: integer arithmetic, addresses, system */
};

static uint32_t bits(uint32_t word, int high, int low) {
    return (word >> low) & ((1u << (high - low + 1)) - 1);
}

/* "Loads and Stores". */
static enum kind memory_kind(uint32_t word) {
    uint32_t group = bits(word, 29, 28), opc = bits(word, 23, 22);
    int vector = bits(word, 26, 26), store;
    if (group == 1) /* a literal is always loaded; with bit 24 set, LDAPUR and STLUR */
        store = bits(word, 24, 24) && opc == 0;
    else if (group == 3 && !bits(word, 24, 24) && bits(word, 21, 21) && bits(word, 11, 10) == 0)
        store = 0; /* atomics, which read and write */
    else if (group == 0 && !vector && bits(word, 23, 23) && bits(word, 21, 21))
        store = 0; /* CAS, which does so too */
    else if (group == 3) /* a prefetch counts as a load; opc 2 on a vector register stores all 128 bits */
        store = opc == 0 || (vector && opc == 2);
    else /* pairs, several vectors, exclusives: bit 22 is L */
        store = !bits(word, 22, 22);
    return store ? STORE : LOAD;
}

/* "Data Processing -- Scalar Floating-Point and Advanced SIMD". */
static enum kind vector_kind(uint32_t word) {
    uint32_t unsigned_ = bits(word, 29, 29), five = bits(word, 15, 11), four = bits(word, 15, 12);
    if (bits(word, 31, 24) == 0x1F) /* floating-point data-processing (3 source): FMADD and its kin */
        return FLOAT_MAC;
    if ((word & 0x9F000400) == 0x0F000000) { /* vector x indexed element */
        if (!unsigned_ && (four == 1 || four == 5))
            return FLOAT_MAC; /* FMLA, FMLS */
        if (four == 14)
            return DOT; /* SDOT, UDOT */
        if (unsigned_ ? four == 0 || four == 4 : four == 8 || four == 3 || four == 7 || four == 11)
            return INTEGER_MAC; /* MLA, MLS; MUL, SQDMLAL, SQDMLSL, SQDMULL */
        return four == 2 || four == 6 || four == 10 ? INTEGER_MAC : VECTOR; /* [SU]MLAL, [SU]MLSL, [SU]MULL */
    }
    if ((word & 0x9F208400) == 0x0E008400) /* three registers of the same type, extra instructions */
        return bits(word, 14, 11) == 2 ? DOT : VECTOR;
    if ((word & 0x9F60C400) == 0x0E400400) /* three registers of the same type, FP16 */
        return !unsigned_ && bits(word, 13, 11) == 1 ? FLOAT_MAC : VECTOR;
    if ((word & 0x9F200400) == 0x0E200400) { /* three registers of the same type */
        if (!unsigned_ && five == 25)
            return FLOAT_MAC; /* FMLA, FMLS */
        return five == 18 || (five == 19 && !unsigned_) ? INTEGER_MAC : VECTOR; /* MLA, MLS; MUL */
    }
    if ((word & 0x9F200C00) == 0x0E200000) /* three registers of different types: [SU]ML[AS]L, SQDML*, [SU]MULL */
        return (four >= 8 && four <= 13) ? INTEGER_MAC : VECTOR;
    if ((word & 0x9F3E0C00) == 0x0E200800 && bits(word, 16, 12) == 6) /* two registers: SADALP, UADALP */
        return INTEGER_MAC;
    return VECTOR;
}

/* "A64 instruction set encoding", the table on top. */
static enum kind kind_of(uint32_t word) {
    if ((word & 0x0A000000) == 0x08000000)
        return memory_kind(word);
    if ((word & 0x0E000000) == 0x0E000000)
        return vector_kind(word);
    if ((word & 0x1C000000) == 0x14000000)
        return (word & 0xFE000000) == 0xD4000000 ? SCALAR : BRANCH; /* SVC, MSR, barriers, NOP go no other way */
    return SCALAR;
}
