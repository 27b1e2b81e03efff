/* A stand-in for libnvidia-ml.so.1 that a text file drives; built by build.py, used by tests only.
 *
 * NVML_STUB_STATE names the file: lines of `key value`, read again whenever it was replaced, so that a test
 * changes the world under a running process by writing another file and renaming it.
 *
 *   driver TEXT, cuda N, init_fault CODE      the driver; init_fault makes nvmlInit fail (9: driver not loaded)
 *   gpu INDEX                                 begins a device; what follows belongs to it:
 *   name, uuid, serial, vbios, part, busid    texts; one that is left out is "not supported"
 *   mem_total, mem_reserved, mem_used         bytes
 *   power_mw, power_limit_mw, energy_mj       energy_epoch S: energy also grows with power since unix time S
 *   util_gpu, util_mem, sm_clock, mem_clock, temp, ecc, ecc_errors, throttle
 *   proc PID BYTES [GI]                       a process with GPU memory
 *   mig 1                                     MIG mode; its slices, each at a position (holes are allowed):
 *   slice POSITION GI CI UUID SLICES MIB NAME
 *   fault CODE                                every call on the device fails (15: lost, 16: reset required)
 *   fault_in SYMBOL CODE                      one call fails (3: not supported, 4: no permission)
 *
 * Layouts are those of nvml.h for CUDA 12 and 13. Symbols that are missing here are generated to answer
 * "not supported", because a missing symbol reads as an old driver.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7, VERSION_MISMATCH = 25
};
enum { MAX_DEVICES = 16, MAX_POSITIONS = 7, MAX_PROCESSES = 32, MAX_FAULTS = 16, CLOCK_MEMORY = 2 };
#define EXPORT __attribute__((visibility("default")))
#define MEMORY_V2 0x02000028u
#define TEMPERATURE_V1 0x0100000cu

typedef int result_t;
typedef unsigned long long u64;

typedef struct device {
    struct device *card; /* of a slice: the card that it is cut from */
    int present, index;
    char name[96], uuid[96], serial[30], vbios[32], busid[32], part[80];
    u64 mem_total, mem_used, mem_reserved, energy_mj, ecc_errors, throttle;
    double energy_epoch;
    unsigned power_mw, power_limit_mw, util_gpu, util_mem, sm_clock, mem_clock, temp, ecc;
    int fault, faults;
    struct { char symbol[64]; int code; } fault_in[MAX_FAULTS];
    int processes;
    struct { unsigned pid; u64 bytes; unsigned instance; } process[MAX_PROCESSES];
    int mig;
    unsigned instance, compute_instance, slices;
    struct device *position[MAX_POSITIONS];
} device_t;

typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char busid[32]; } pci_t;
typedef struct { u64 total, free, used; } memory_t;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2_t;
typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned version, sensor; int celsius; } temperature_t;
typedef struct { unsigned pid; u64 bytes; unsigned instance, compute_instance; } process_t;
typedef struct { unsigned sm, copy, dec, enc, jpeg, ofa, slices, compute_slices; u64 mib; } attributes_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static device_t cards[MAX_DEVICES], slices[MAX_DEVICES][MAX_POSITIONS];
static int opened, count, cuda, init_fault;
static char driver[80];
static struct timespec read_at;
static ino_t read_inode;

/* ---------------------------------------------------------------- the state file */

static void copy(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from); }

static void read_slice(device_t *card, const char *text) {
    unsigned position, instance, compute, width;
    u64 mib;
    char uuid[96];
    int rest = 0;
    if (sscanf(text, "%u %u %u %95s %u %llu %n", &position, &instance, &compute, uuid, &width, &mib, &rest) != 6)
        return;
    if (position >= MAX_POSITIONS) return;
    device_t *slice = &slices[card->index][position];
    memset(slice, 0, sizeof *slice);
    slice->card = card;
    slice->present = 1;
    slice->index = (int)position;
    slice->instance = instance;
    slice->compute_instance = compute;
    slice->slices = width;
    slice->mem_total = mib << 20;
    copy(slice->uuid, sizeof slice->uuid, uuid);
    copy(slice->name, sizeof slice->name, text + rest);
    card->position[position] = slice;
}

static void read_process(device_t *card, const char *text) {
    if (card->processes == MAX_PROCESSES) return;
    int n = card->processes++;
    card->process[n].instance = 0xffffffffu;
    sscanf(text, "%u %llu %u", &card->process[n].pid, &card->process[n].bytes, &card->process[n].instance);
}

static void read_fault_in(device_t *card, const char *text) {
    if (card->faults == MAX_FAULTS) return;
    int n = card->faults;
    if (sscanf(text, "%63s %d", card->fault_in[n].symbol, &card->fault_in[n].code) == 2) card->faults++;
}

#define TEXT(field) else if (!strcmp(key, #field)) copy(card->field, sizeof card->field, value)
#define NUMBER(field) else if (!strcmp(key, #field)) card->field = strtoull(value, NULL, 10)

static void read_card(device_t *card, const char *key, const char *value) {
    if (!strcmp(key, "energy_epoch")) card->energy_epoch = atof(value);
    else if (!strcmp(key, "slice")) read_slice(card, value);
    else if (!strcmp(key, "proc")) read_process(card, value);
    else if (!strcmp(key, "fault_in")) read_fault_in(card, value);
    TEXT(name); TEXT(uuid); TEXT(serial); TEXT(vbios); TEXT(busid); TEXT(part);
    NUMBER(mem_total); NUMBER(mem_used); NUMBER(mem_reserved); NUMBER(energy_mj); NUMBER(ecc_errors);
    NUMBER(throttle); NUMBER(power_mw); NUMBER(power_limit_mw); NUMBER(util_gpu); NUMBER(util_mem);
    NUMBER(sm_clock); NUMBER(mem_clock); NUMBER(temp); NUMBER(ecc); NUMBER(fault); NUMBER(mig);
}

static device_t *begin_card(const char *value) {
    int index = atoi(value);
    if (index < 0 || index >= MAX_DEVICES) return NULL;
    device_t *card = &cards[index];
    card->present = 1;
    card->index = index;
    if (index + 1 > count) count = index + 1;
    return card;
}

static void read_file(FILE *file) {
    char line[512], key[64];
    device_t *card = NULL;
    memset(cards, 0, sizeof cards);
    memset(slices, 0, sizeof slices);
    count = init_fault = 0;
    while (fgets(line, sizeof line, file)) {
        int offset = 0;
        line[strcspn(line, "\r\n")] = 0;
        if (sscanf(line, " %63s %n", key, &offset) < 1 || key[0] == '#') continue;
        const char *value = line + offset;
        if (!strcmp(key, "driver")) copy(driver, sizeof driver, value);
        else if (!strcmp(key, "cuda")) cuda = atoi(value);
        else if (!strcmp(key, "init_fault")) init_fault = atoi(value);
        else if (!strcmp(key, "gpu")) card = begin_card(value);
        else if (card) read_card(card, key, value);
    }
}

static void refresh(void) {
    const char *path = getenv("NVML_STUB_STATE");
    struct stat now;
    if (!path || stat(path, &now)) return;
    if (now.st_ino == read_inode && !memcmp(&now.st_mtim, &read_at, sizeof read_at)) return;
    FILE *file = fopen(path, "r");
    if (!file) return;
    read_at = now.st_mtim;
    read_inode = now.st_ino;
    read_file(file);
    fclose(file);
}

/* ---------------------------------------------------------------- entering a call */

static result_t injected(const device_t *device, const char *symbol) {
    const device_t *card = device->card ? device->card : device;
    if (card->fault) return card->fault;
    for (int i = 0; i < card->faults; i++)
        if (!strcmp(card->fault_in[i].symbol, symbol)) return card->fault_in[i].code;
    return SUCCESS;
}

static result_t enter(const device_t *device, const char *symbol) {
    if (!opened) return UNINITIALIZED;
    refresh();
    if (!device || !device->present) return INVALID_ARGUMENT;
    return injected(device, symbol);
}

/* CALL(args) runs its body under the lock after the checks; the body sets `result`. */
#define CALL(...)                                          \
    {                                                      \
        pthread_mutex_lock(&lock);                         \
        result_t result = enter(device, __func__);         \
        if (result == SUCCESS) { __VA_ARGS__; }            \
        pthread_mutex_unlock(&lock);                       \
        return result;                                     \
    }
#define WHOLE_CARD if (device->card) result = NOT_SUPPORTED; else

static result_t give(const char *text, char *to, unsigned size) {
    if (!*text) return NOT_SUPPORTED;
    if (strlen(text) + 1 > size) return INSUFFICIENT_SIZE;
    strcpy(to, text);
    return SUCCESS;
}

/* ---------------------------------------------------------------- library and driver */

EXPORT result_t nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    refresh();
    result_t result = init_fault;
    if (result == SUCCESS) opened++;
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT result_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
EXPORT result_t nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    result_t result = opened ? SUCCESS : UNINITIALIZED;
    if (opened) opened--;
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT const char *nvmlErrorString(result_t code) {
    switch (code) {
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    default: return "stub error";
    }
}
EXPORT result_t nvmlSystemGetDriverVersion(char *to, unsigned size) {
    return opened ? give(driver, to, size) : UNINITIALIZED;
}
EXPORT result_t nvmlSystemGetNVMLVersion(char *to, unsigned size) { return give("13.0", to, size); }
EXPORT result_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = cuda;
    return opened ? SUCCESS : UNINITIALIZED;
}
EXPORT result_t nvmlDeviceGetCount_v2(unsigned *devices) {
    if (!opened) return UNINITIALIZED;
    pthread_mutex_lock(&lock);
    refresh();
    *devices = (unsigned)count;
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
EXPORT result_t nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **handle) {
    if (index >= MAX_DEVICES) return INVALID_ARGUMENT;
    device_t *device = &cards[index];
    CALL(*handle = device)
}
static device_t *find(const char *uuid) {
    for (int i = 0; i < count; i++) {
        if (!strcmp(cards[i].uuid, uuid)) return &cards[i];
        for (int j = 0; j < MAX_POSITIONS; j++)
            if (slices[i][j].present && !strcmp(slices[i][j].uuid, uuid)) return &slices[i][j];
    }
    return NULL;
}
EXPORT result_t nvmlDeviceGetHandleByUUID(const char *uuid, device_t **handle) {
    if (!opened) return UNINITIALIZED;
    pthread_mutex_lock(&lock);
    refresh();
    device_t *device = find(uuid);
    result_t result = device ? injected(device, __func__) : NOT_FOUND;
    if (result == SUCCESS) *handle = device;
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---------------------------------------------------------------- identity */

EXPORT result_t nvmlDeviceGetName(device_t *device, char *to, unsigned size)
    CALL(result = give(device->name, to, size))
EXPORT result_t nvmlDeviceGetUUID(device_t *device, char *to, unsigned size)
    CALL(result = give(device->uuid, to, size))
EXPORT result_t nvmlDeviceGetSerial(device_t *device, char *to, unsigned size)
    CALL(result = give(device->serial, to, size))
EXPORT result_t nvmlDeviceGetVbiosVersion(device_t *device, char *to, unsigned size)
    CALL(result = give(device->vbios, to, size))
EXPORT result_t nvmlDeviceGetBoardPartNumber(device_t *device, char *to, unsigned size)
    CALL(result = give(device->part, to, size))
EXPORT result_t nvmlDeviceGetIndex(device_t *device, unsigned *index) CALL(*index = (unsigned)device->index)
EXPORT result_t nvmlDeviceGetMinorNumber(device_t *device, unsigned *minor)
    CALL(WHOLE_CARD *minor = (unsigned)device->index)
static result_t pci_of(const device_t *device, pci_t *pci) {
    unsigned domain, bus, slot;
    if (device->card || sscanf(device->busid, "%x:%x:%x", &domain, &bus, &slot) != 3) return NOT_SUPPORTED;
    *pci = (pci_t){.domain = domain, .bus = bus, .device = slot, .id = 0x233010deu, .subsystem = 0x16c110deu};
    snprintf(pci->busid, sizeof pci->busid, "%08X:%02X:%02X.0", domain, bus & 255, slot & 255);
    snprintf(pci->legacy, sizeof pci->legacy, "%04X:%02X:%02X.0", domain & 0xffff, bus & 255, slot & 255);
    return SUCCESS;
}
EXPORT result_t nvmlDeviceGetPciInfo_v3(device_t *device, pci_t *pci) CALL(result = pci_of(device, pci))
EXPORT result_t nvmlDeviceGetCudaComputeCapability(device_t *device, int *major, int *minor)
    CALL(*major = 9; *minor = 0)
EXPORT result_t nvmlDeviceGetArchitecture(device_t *device, unsigned *architecture) CALL(*architecture = 9)
EXPORT result_t nvmlDeviceGetEccMode(device_t *device, unsigned *now, unsigned *pending)
    CALL(*now = *pending = device->ecc)

/* ---------------------------------------------------------------- what it does now */

static u64 used(const device_t *device) {
    if (!device->card) return device->mem_used;
    u64 sum = 0;
    for (int i = 0; i < device->card->processes; i++)
        if (device->card->process[i].instance == device->instance) sum += device->card->process[i].bytes;
    return sum;
}
EXPORT result_t nvmlDeviceGetMemoryInfo(device_t *device, memory_t *memory)
    CALL(u64 taken = used(device) + device->mem_reserved;
         *memory = ((memory_t){device->mem_total, device->mem_total - taken, taken}))
EXPORT result_t nvmlDeviceGetMemoryInfo_v2(device_t *device, memory_v2_t *memory)
    CALL(if (memory->version != MEMORY_V2) result = VERSION_MISMATCH; else {
        memory->total = device->mem_total;
        memory->reserved = device->mem_reserved;
        memory->used = used(device);
        memory->free = memory->total - memory->used - memory->reserved;
    })
static u64 energy(const device_t *device) {
    struct timespec now;
    if (device->energy_epoch <= 0) return device->energy_mj;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - device->energy_epoch;
    return device->energy_mj + (u64)(device->power_mw * seconds);
}
EXPORT result_t nvmlDeviceGetTotalEnergyConsumption(device_t *device, u64 *millijoules)
    CALL(WHOLE_CARD *millijoules = energy(device))
EXPORT result_t nvmlDeviceGetPowerUsage(device_t *device, unsigned *milliwatts)
    CALL(WHOLE_CARD *milliwatts = device->power_mw)
EXPORT result_t nvmlDeviceGetEnforcedPowerLimit(device_t *device, unsigned *milliwatts)
    CALL(WHOLE_CARD *milliwatts = device->power_limit_mw)
/* As the header says: no utilization of a slice, nor of a card in MIG mode. */
EXPORT result_t nvmlDeviceGetUtilizationRates(device_t *device, utilization_t *rates)
    CALL(if (device->card || device->mig) result = NOT_SUPPORTED;
         else *rates = ((utilization_t){device->util_gpu, device->util_mem}))
EXPORT result_t nvmlDeviceGetClockInfo(device_t *device, int clock, unsigned *mhz)
    CALL(*mhz = clock == CLOCK_MEMORY ? device->mem_clock : device->sm_clock)
EXPORT result_t nvmlDeviceGetMaxClockInfo(device_t *device, int clock, unsigned *mhz)
    CALL(*mhz = clock == CLOCK_MEMORY ? device->mem_clock : device->sm_clock)
EXPORT result_t nvmlDeviceGetTemperatureV(device_t *device, temperature_t *temperature)
    CALL(if (temperature->version != TEMPERATURE_V1) result = VERSION_MISMATCH;
         else temperature->celsius = (int)device->temp)
EXPORT result_t nvmlDeviceGetCurrentClocksEventReasons(device_t *device, u64 *reasons)
    CALL(*reasons = device->throttle)
EXPORT result_t nvmlDeviceGetTotalEccErrors(device_t *device, int kind, int counter, u64 *errors)
    CALL((void)kind; (void)counter; WHOLE_CARD *errors = device->ecc_errors)
static result_t list_processes(const device_t *device, unsigned *number, process_t *to) {
    const device_t *card = device->card ? device->card : device;
    unsigned found = 0;
    for (int i = 0; i < card->processes; i++) {
        if (device->card && card->process[i].instance != device->instance) continue;
        if (to && found < *number)
            to[found] = (process_t){card->process[i].pid, card->process[i].bytes, card->process[i].instance, 0};
        found++;
    }
    result_t result = found > *number ? INSUFFICIENT_SIZE : SUCCESS;
    *number = found;
    return result;
}
EXPORT result_t nvmlDeviceGetComputeRunningProcesses_v3(device_t *device, unsigned *number, process_t *to)
    CALL(result = list_processes(device, number, to))

/* ---------------------------------------------------------------- MIG */

EXPORT result_t nvmlDeviceGetMigMode(device_t *device, unsigned *now, unsigned *pending)
    CALL(if (device->card) result = INVALID_ARGUMENT; else *now = *pending = (unsigned)device->mig)
EXPORT result_t nvmlDeviceGetMaxMigDeviceCount(device_t *device, unsigned *most)
    CALL(*most = device->mig ? MAX_POSITIONS : 0)
EXPORT result_t nvmlDeviceGetMigDeviceHandleByIndex(device_t *device, unsigned position, device_t **slice)
    CALL(if (position >= MAX_POSITIONS || !device->position[position]) result = NOT_FOUND;
         else *slice = device->position[position])
EXPORT result_t nvmlDeviceIsMigDeviceHandle(device_t *device, unsigned *yes) CALL(*yes = device->card != NULL)
EXPORT result_t nvmlDeviceGetGpuInstanceId(device_t *device, unsigned *id)
    CALL(if (!device->card) result = NOT_SUPPORTED; else *id = device->instance)
EXPORT result_t nvmlDeviceGetComputeInstanceId(device_t *device, unsigned *id)
    CALL(if (!device->card) result = NOT_SUPPORTED; else *id = device->compute_instance)
EXPORT result_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device_t *device, device_t **card)
    CALL(if (!device->card) result = INVALID_ARGUMENT; else *card = device->card)
EXPORT result_t nvmlDeviceGetAttributes_v2(device_t *device, attributes_t *attributes)
    CALL(if (!device->card) result = NOT_SUPPORTED; else *attributes = ((attributes_t){
        .sm = device->slices * 16, .slices = device->slices, .compute_slices = device->slices,
        .mib = device->mem_total >> 20}))

/* ---------------------------------------------------------------- for the test of the layouts */

EXPORT int nvmlStubSizeOf(const char *type) {
    static const struct { const char *name; int size; } sizes[] = {
        {"pci", sizeof(pci_t)}, {"memory", sizeof(memory_t)}, {"memory_v2", sizeof(memory_v2_t)},
        {"utilization", sizeof(utilization_t)}, {"temperature", sizeof(temperature_t)},
        {"process", sizeof(process_t)}, {"attributes", sizeof(attributes_t)},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (!strcmp(sizes[i].name, type)) return sizes[i].size;
    return -1;
}
