/* A plugin of QEMU that counts the instructions a program executes, by kind, up to each mark it sets.

       gcc -O2 -shared -fPIC -o counter.so counter.c
       QEMU_PLUGIN=counter.so,out=marks.jsonl qemu-aarch64 PROGRAM

   The program sets a mark with close(MARK), which fails with EBADF and does nothing else. At each mark the
   counts since the start are appended to the file as one line of JSON.

   What is used of the plugin API (version 1, QEMU 4.2 to 8.2; docs/devel/tcg-plugins.rst and
   include/qemu/qemu-plugin.h of QEMU, which Debian does not ship, hence the prototypes here): QEMU translates the
   program in blocks of instructions that are executed from first to last. Each time it has translated one, it
   calls translated(), which counts the block's instructions by kind, once, and asks for one addition whenever
   the block is executed. A mark then needs a sum over blocks: executions times instructions.

   The additions are not atomic: two threads in the same block at the same moment may count once. Programs are
   therefore counted with one thread at work. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

enum { MARK = 4280909, CLOSE = 57 }; /* far above any open file; close in Linux' asm-generic/unistd.h */

/* ---- what is used of the API ---- */
typedef uint64_t plugin_id;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { ADD_U64 = 0 }; /* QEMU_PLUGIN_INLINE_ADD_U64 */
typedef void (*translated_cb)(plugin_id, struct qemu_plugin_tb *);
typedef void (*syscall_cb)(plugin_id, unsigned int vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t, uint64_t, uint64_t);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated_cb);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, syscall_cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
/* ---- */

/* Lives until the program ends: QEMU may execute a block long after it was translated. A block that is
   translated again is one more in the list. */
struct block {
    uint64_t executions;
    uint16_t instructions[KINDS];
    struct block *next;
};

static struct block *newest;
static const char *out;

/* QEMU translates under a lock of its own, so that there is one such call at a time. */
static void translated(plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        fputs("counter.so: no memory left to count in\n", stderr);
        abort();
    }
    size_t length = qemu_plugin_tb_n_insns(tb);
    for (size_t place = 0; place < length; place++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, place)), sizeof word);
        block->instructions[kind_of(word)]++;
    }
    block->next = newest;
    __atomic_store_n(&newest, block, __ATOMIC_RELEASE);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &block->executions, 1);
}

static void called(plugin_id id, unsigned int vcpu, int64_t number, uint64_t first, uint64_t a2, uint64_t a3,
                   uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != CLOSE || (uint32_t)first != MARK)
        return;
    uint64_t sums[KINDS] = {0};
    for (struct block *block = __atomic_load_n(&newest, __ATOMIC_ACQUIRE); block != NULL; block = block->next)
        for (int kind = 0; kind < KINDS; kind++)
            sums[kind] += block->executions * block->instructions[kind];
    /* Opened anew each time: the program shares our open files, and may close those it does not know. */
    FILE *file = fopen(out, "a");
    if (file == NULL) {
        perror(out);
        abort();
    }
    for (int kind = 0; kind < KINDS; kind++)
        fprintf(file, "%s\"%s\": %" PRIu64, kind ? ", " : "{", KIND_NAMES[kind], sums[kind]);
    fputs("}\n", file);
    fclose(file);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const qemu_info_t *info, int argc,
                                                               char **argv) {
    (void)info;
    for (int place = 0; place < argc; place++)
        if (strncmp(argv[place], "out=", 4) == 0)
            out = strdup(argv[place] + 4);
    if (out == NULL) {
        fputs("counter.so: say where to write the counts: out=FILE\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
