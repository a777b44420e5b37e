/* SPDX-License-Identifier: MIT */
#include "vmm/cpuid.h"

/* x87, SSE, AVX, AVX-512 (three components) and PKRU. AMX needs a permission and is not
 * offered. */
#define XCR0_WANTED  0x2e7ULL
#define XSAVE_LEGACY 576u

static const struct kvm_cpuid_entry2 *find(
	const struct kvm_cpuid_table *table, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < table->head.nent; i++) {
		const struct kvm_cpuid_entry2 *e = &table->entry[i];

		if (e->function == function &&
			(!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

uint64_t cpuid_xcr0(const struct kvm_cpuid_table *table, uint32_t *size)
{
	const struct kvm_cpuid_entry2 *leaf = find(table, 0xd, 0);
	uint64_t xcr0 = leaf ? (leaf->eax & XCR0_WANTED) | 1 : 1;

	*size = XSAVE_LEGACY;
	for (unsigned i = 2; i < 63; i++) {
		const struct kvm_cpuid_entry2 *e = find(table, 0xd, i);

		if (xcr0 >> i & 1 && e && e->ebx + e->eax > *size)
			*size = e->ebx + e->eax;
	}
	return xcr0;
}

bool cpuid_has_1g(const struct kvm_cpuid_table *table)
{
	const struct kvm_cpuid_entry2 *leaf = find(table, 0x80000001, 0);

	return leaf && leaf->edx & 1u << 26;
}

unsigned cpuid_threads_per_core(const struct plan *plan)
{
	if (plan->nvcpus < 2 || cpuid_per_package(plan) % 2)
		return 1;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		if (plan->vcpu[i].sibling_of != (i & ~1u))
			return 1;
	return 2;
}

unsigned cpuid_per_package(const struct plan *plan)
{
	unsigned n = plan->nvcpus, per = 1;

	while (per < n && plan->vcpu[per].package == plan->vcpu[0].package)
		per++;
	if (n % per || per & (per - 1))
		return n;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			if ((plan->vcpu[i].package == plan->vcpu[k].package) !=
				(i / per == k / per))
				return n;
	return per;
}

/* Bits of an APIC id that number `n` things. */
static unsigned id_bits(unsigned n)
{
	return n < 2 ? 0 : 32u - (unsigned)__builtin_clz(n - 1);
}

static void shape_features(struct kvm_cpuid_entry2 *e, unsigned n, unsigned index,
	bool tsc_deadline, uint64_t xcr0)
{
	e->ebx = (e->ebx & 0xffff) | n << 16 | index << 24;
	e->ecx |= 1u << 21; /* x2APIC */
	if (tsc_deadline)
		e->ecx |= 1u << 24;
	if (xcr0 > 3)
		e->ecx |= 1u << 26; /* XSAVE: a software KVM leaves it to the CPU itself */
	e->edx |= n > 1 ? 1u << 28 : 0;
}

/* Extended topology: level 0 threads of a core, level 1 cores of the package, then the end. */
static void shape_topology(
	struct kvm_cpuid_entry2 *e, unsigned n, unsigned threads, unsigned index)
{
	e->eax = e->ebx = 0;
	e->ecx = e->index;
	e->edx = index;
	if (e->index == 0) {
		e->eax = id_bits(threads);
		e->ebx = threads;
		e->ecx |= 1u << 8;
	} else if (e->index == 1) {
		e->eax = id_bits(n);
		e->ebx = n;
		e->ecx |= 2u << 8;
	}
}

/* Caches: levels 1 and 2 are a core's, the last is the package's. */
static void shape_cache(struct kvm_cpuid_entry2 *e, unsigned n, unsigned threads, bool intel)
{
	unsigned level = e->eax >> 5 & 7;
	unsigned sharing = level >= 3 ? (1u << id_bits(n)) : threads;

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & 0x3fff) | (sharing - 1) << 14;
	if (intel)
		e->eax |= ((1u << id_bits(n / threads)) - 1) << 26;
}

static void entry_add(struct kvm_cpuid_table *table, uint32_t function, uint32_t index)
{
	if (find(table, function, index) || table->head.nent == KVM_CPUID_MAX)
		return;
	table->entry[table->head.nent++] = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	};
}

void cpuid_shape(struct kvm_cpuid_table *table, const struct plan *plan, unsigned index,
	bool tsc_deadline, uint64_t xcr0)
{
	unsigned n = cpuid_per_package(plan); /* what follows is of one package */
	unsigned threads = cpuid_threads_per_core(plan);

	for (unsigned level = 0; level < 3; level++)
		entry_add(table, 0xb, level);
	for (unsigned i = 0; i < table->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &table->entry[i];

		switch (e->function) {
		case 0x1:
			shape_features(e, n, index, tsc_deadline, xcr0);
			break;
		case 0x4:
		case 0x8000001d:
			shape_cache(e, n, threads, e->function == 0x4);
			break;
		case 0xb:
		case 0x1f:
			shape_topology(e, n, threads, index);
			break;
		case 0x80000008:
			e->ecx = (e->ecx & ~0xf0ffu) | id_bits(n) << 12 | (n - 1);
			break;
		case 0x8000001e:
			e->eax = index;
			e->ebx = (threads - 1) << 8 | index / threads;
			e->ecx = index / n; /* node: a package's number */
			break;
		default:
			break;
		}
	}
}
