/* The part of NVML's binary interface that gpuward uses: by the prober, which
 * loads the library at run time, and by the simulated library.
 *
 * Facts only (names, numbers, layouts), as of nvml.h 13.3 on x86-64; the sizes
 * are asserted below. NVML_FI_… and NVML_GPU_RECOVERY_ACTION_… were read in
 * the nvml.h that NVIDIA publishes in the package nvidia-nvml-dev and in
 * NVIDIA/go-nvml. Unlike nvml.h, no macro turns an unversioned function name
 * into the newest version: `nvmlX` here is the exported symbol nvmlX, with the
 * layout of version 1. It is one table, long because the interface is wide.
 */
#ifndef GPUWARD_PROBE_NVML_ABI_H
#define GPUWARD_PROBE_NVML_ABI_H

#ifdef __cplusplus
/* A fixed type: a newer library may return codes that are not listed here. */
#define NVML_ENUM(name) enum name : unsigned int
#define NVML_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size))
extern "C" {
#else
#define NVML_ENUM(name) enum name
#define NVML_ASSERT_SIZE(type, size) \
  _Static_assert(sizeof(type) == (size), #type)
#endif

/* The word that opens a versioned struct. */
#define NVML_STRUCT_VERSION(type, version) \
  ((unsigned int)(sizeof(type) | ((version) << 24u)))

typedef NVML_ENUM(nvmlReturn_enum){NVML_SUCCESS = 0,
                                   NVML_ERROR_UNINITIALIZED = 1,
                                   NVML_ERROR_INVALID_ARGUMENT = 2,
                                   NVML_ERROR_NOT_SUPPORTED = 3,
                                   NVML_ERROR_NO_PERMISSION = 4,
                                   NVML_ERROR_ALREADY_INITIALIZED = 5,
                                   NVML_ERROR_NOT_FOUND = 6,
                                   NVML_ERROR_INSUFFICIENT_SIZE = 7,
                                   NVML_ERROR_INSUFFICIENT_POWER = 8,
                                   NVML_ERROR_DRIVER_NOT_LOADED = 9,
                                   NVML_ERROR_TIMEOUT = 10,
                                   NVML_ERROR_IRQ_ISSUE = 11,
                                   NVML_ERROR_LIBRARY_NOT_FOUND = 12,
                                   NVML_ERROR_FUNCTION_NOT_FOUND = 13,
                                   NVML_ERROR_CORRUPTED_INFOROM = 14,
                                   NVML_ERROR_GPU_IS_LOST = 15,
                                   NVML_ERROR_RESET_REQUIRED = 16,
                                   NVML_ERROR_OPERATING_SYSTEM = 17,
                                   NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
                                   NVML_ERROR_IN_USE = 19,
                                   NVML_ERROR_MEMORY = 20,
                                   NVML_ERROR_NO_DATA = 21,
                                   NVML_ERROR_VGPU_ECC_NOT_SUPPORTED = 22,
                                   NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
                                   NVML_ERROR_FREQ_NOT_SUPPORTED = 24,
                                   NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
                                   NVML_ERROR_DEPRECATED = 26,
                                   NVML_ERROR_NOT_READY = 27,
                                   NVML_ERROR_GPU_NOT_FOUND = 28,
                                   NVML_ERROR_INVALID_STATE = 29,
                                   NVML_ERROR_RESET_TYPE_NOT_SUPPORTED = 30,
                                   NVML_ERROR_UNKNOWN = 999} nvmlReturn_t;

/* Flags of nvmlInitWithFlags. */
#define NVML_INIT_FLAG_NO_GPUS 1u
#define NVML_INIT_FLAG_NO_ATTACH 2u
#define NVML_INIT_FLAG_FORCE_INIT 4u

#define NVML_DEVICE_INFOROM_VERSION_BUFFER_SIZE 16
#define NVML_DEVICE_SERIAL_BUFFER_SIZE 30
#define NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE 16
#define NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE 32
#define NVML_DEVICE_VBIOS_VERSION_BUFFER_SIZE 32
#define NVML_GSP_FIRMWARE_VERSION_BUF_SIZE 64
#define NVML_DEVICE_PART_NUMBER_BUFFER_SIZE 80
#define NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE 80
#define NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE 80
#define NVML_DEVICE_UUID_V2_BUFFER_SIZE 96
#define NVML_DEVICE_NAME_V2_BUFFER_SIZE 96

#define NVML_NVLINK_MAX_LINKS 36u
#define NVML_GPU_FABRIC_UUID_LEN 16
#define NVML_NO_INSTANCE 0xFFFFFFFFu /* gi and ci ids where there is no MIG */

/* Handles. Opaque, but nvidia-smi reads the memory behind nvmlDevice_t. */
typedef struct nvmlDevice_st* nvmlDevice_t;
typedef struct nvmlGpuInstance_st* nvmlGpuInstance_t;
typedef struct nvmlComputeInstance_st* nvmlComputeInstance_t;
typedef struct nvmlEventSet_st* nvmlEventSet_t;
typedef struct nvmlGpmSample_st* nvmlGpmSample_t;

typedef NVML_ENUM(nvmlEnableState_enum){
    NVML_FEATURE_DISABLED = 0, NVML_FEATURE_ENABLED = 1} nvmlEnableState_t;

typedef unsigned int nvmlDeviceArchitecture_t;
#define NVML_DEVICE_ARCH_KEPLER 2u
#define NVML_DEVICE_ARCH_MAXWELL 3u
#define NVML_DEVICE_ARCH_PASCAL 4u
#define NVML_DEVICE_ARCH_VOLTA 5u
#define NVML_DEVICE_ARCH_TURING 6u
#define NVML_DEVICE_ARCH_AMPERE 7u
#define NVML_DEVICE_ARCH_ADA 8u
#define NVML_DEVICE_ARCH_HOPPER 9u
#define NVML_DEVICE_ARCH_BLACKWELL 10u
#define NVML_DEVICE_ARCH_UNKNOWN 0xFFFFFFFFu

typedef NVML_ENUM(nvmlBrandType_enum){
    NVML_BRAND_UNKNOWN = 0,      NVML_BRAND_QUADRO = 1,
    NVML_BRAND_TESLA = 2,        NVML_BRAND_NVS = 3,
    NVML_BRAND_GRID = 4,         NVML_BRAND_GEFORCE = 5,
    NVML_BRAND_TITAN = 6,        NVML_BRAND_QUADRO_RTX = 12,
    NVML_BRAND_NVIDIA_RTX = 13,  NVML_BRAND_NVIDIA = 14,
    NVML_BRAND_GEFORCE_RTX = 15, NVML_BRAND_TITAN_RTX = 16} nvmlBrandType_t;

typedef NVML_ENUM(nvmlClockType_enum){
    NVML_CLOCK_GRAPHICS = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2,
    NVML_CLOCK_VIDEO = 3, NVML_CLOCK_COUNT = 4} nvmlClockType_t;

typedef NVML_ENUM(nvmlClockId_enum){
    NVML_CLOCK_ID_CURRENT = 0, NVML_CLOCK_ID_APP_CLOCK_TARGET = 1,
    NVML_CLOCK_ID_APP_CLOCK_DEFAULT = 2, NVML_CLOCK_ID_CUSTOMER_BOOST_MAX = 3,
    NVML_CLOCK_ID_COUNT = 4} nvmlClockId_t;

#define nvmlClocksEventReasonNone 0x0ull
#define nvmlClocksEventReasonGpuIdle 0x1ull
#define nvmlClocksEventReasonApplicationsClocksSetting 0x2ull
#define nvmlClocksEventReasonSwPowerCap 0x4ull
#define nvmlClocksThrottleReasonHwSlowdown 0x8ull
#define nvmlClocksEventReasonSyncBoost 0x10ull
#define nvmlClocksEventReasonSwThermalSlowdown 0x20ull
#define nvmlClocksThrottleReasonHwThermalSlowdown 0x40ull
#define nvmlClocksThrottleReasonHwPowerBrakeSlowdown 0x80ull
#define nvmlClocksEventReasonDisplayClockSetting 0x100ull

/* 0…15, or 32 where it is not known. */
typedef NVML_ENUM(nvmlPStates_enum){NVML_PSTATE_0 = 0, NVML_PSTATE_15 = 15,
                                    NVML_PSTATE_UNKNOWN = 32} nvmlPstates_t;

typedef NVML_ENUM(nvmlTemperatureSensors_enum){
    NVML_TEMPERATURE_GPU = 0} nvmlTemperatureSensors_t;

typedef NVML_ENUM(nvmlTemperatureThresholds_enum){
    NVML_TEMPERATURE_THRESHOLD_SHUTDOWN = 0,
    NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 1,
    NVML_TEMPERATURE_THRESHOLD_MEM_MAX = 2,
    NVML_TEMPERATURE_THRESHOLD_GPU_MAX = 3,
    NVML_TEMPERATURE_THRESHOLD_COUNT = 8} nvmlTemperatureThresholds_t;

typedef NVML_ENUM(nvmlMemoryErrorType_enum){
    NVML_MEMORY_ERROR_TYPE_CORRECTED = 0,
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1} nvmlMemoryErrorType_t;

typedef NVML_ENUM(nvmlEccCounterType_enum){
    NVML_VOLATILE_ECC = 0, NVML_AGGREGATE_ECC = 1} nvmlEccCounterType_t;

typedef NVML_ENUM(nvmlMemoryLocation_enum){
    NVML_MEMORY_LOCATION_L1_CACHE = 0,
    NVML_MEMORY_LOCATION_L2_CACHE = 1,
    NVML_MEMORY_LOCATION_DRAM = 2,
    NVML_MEMORY_LOCATION_REGISTER_FILE = 3,
    NVML_MEMORY_LOCATION_TEXTURE_MEMORY = 4,
    NVML_MEMORY_LOCATION_TEXTURE_SHM = 5,
    NVML_MEMORY_LOCATION_CBU = 6,
    NVML_MEMORY_LOCATION_SRAM = 7,
    NVML_MEMORY_LOCATION_COUNT = 8} nvmlMemoryLocation_t;

typedef NVML_ENUM(nvmlComputeMode_enum){
    NVML_COMPUTEMODE_DEFAULT = 0, NVML_COMPUTEMODE_EXCLUSIVE_THREAD = 1,
    NVML_COMPUTEMODE_PROHIBITED = 2,
    NVML_COMPUTEMODE_EXCLUSIVE_PROCESS = 3} nvmlComputeMode_t;

typedef NVML_ENUM(nvmlInforomObject_enum){
    NVML_INFOROM_OEM = 0, NVML_INFOROM_ECC = 1, NVML_INFOROM_POWER = 2,
    NVML_INFOROM_DEN = 3} nvmlInforomObject_t;

typedef NVML_ENUM(nvmlPcieUtilCounter_enum){
    NVML_PCIE_UTIL_TX_BYTES = 0,
    NVML_PCIE_UTIL_RX_BYTES = 1} nvmlPcieUtilCounter_t;

typedef NVML_ENUM(nvmlGpuLevel_enum){
    NVML_TOPOLOGY_INTERNAL = 0,
    NVML_TOPOLOGY_SINGLE = 10,
    NVML_TOPOLOGY_MULTIPLE = 20,
    NVML_TOPOLOGY_HOSTBRIDGE = 30,
    NVML_TOPOLOGY_NODE = 40,
    NVML_TOPOLOGY_SYSTEM = 50} nvmlGpuTopologyLevel_t;

typedef NVML_ENUM(nvmlGpuP2PStatus_enum){
    NVML_P2P_STATUS_OK = 0,
    NVML_P2P_STATUS_CHIPSET_NOT_SUPPORTED = 1,
    NVML_P2P_STATUS_GPU_NOT_SUPPORTED = 2,
    NVML_P2P_STATUS_IOH_TOPOLOGY_NOT_SUPPORTED = 3,
    NVML_P2P_STATUS_DISABLED_BY_REGKEY = 4,
    NVML_P2P_STATUS_NOT_SUPPORTED = 5,
    NVML_P2P_STATUS_UNKNOWN = 6} nvmlGpuP2PStatus_t;

typedef NVML_ENUM(nvmlGpuP2PCapsIndex_enum){
    NVML_P2P_CAPS_INDEX_READ = 0,
    NVML_P2P_CAPS_INDEX_WRITE = 1,
    NVML_P2P_CAPS_INDEX_NVLINK = 2,
    NVML_P2P_CAPS_INDEX_ATOMICS = 3,
    NVML_P2P_CAPS_INDEX_PCI = 4,
    NVML_P2P_CAPS_INDEX_UNKNOWN = 5} nvmlGpuP2PCapsIndex_t;

typedef NVML_ENUM(nvmlNvLinkErrorCounter_enum){
    NVML_NVLINK_ERROR_DL_REPLAY = 0,
    NVML_NVLINK_ERROR_DL_RECOVERY = 1,
    NVML_NVLINK_ERROR_DL_CRC_FLIT = 2,
    NVML_NVLINK_ERROR_DL_CRC_DATA = 3,
    NVML_NVLINK_ERROR_DL_ECC_DATA = 4,
    NVML_NVLINK_ERROR_COUNT = 5} nvmlNvLinkErrorCounter_t;

typedef NVML_ENUM(nvmlIntNvLinkDeviceType_enum){
    NVML_NVLINK_DEVICE_TYPE_GPU = 0x00, NVML_NVLINK_DEVICE_TYPE_IBMNPU = 0x01,
    NVML_NVLINK_DEVICE_TYPE_SWITCH = 0x02,
    NVML_NVLINK_DEVICE_TYPE_UNKNOWN = 0xFF} nvmlIntNvLinkDeviceType_t;

typedef unsigned char nvmlGpuFabricState_t;
#define NVML_GPU_FABRIC_STATE_NOT_SUPPORTED 0
#define NVML_GPU_FABRIC_STATE_NOT_STARTED 1
#define NVML_GPU_FABRIC_STATE_IN_PROGRESS 2
#define NVML_GPU_FABRIC_STATE_COMPLETED 3

#define NVML_GPU_FABRIC_HEALTH_SUMMARY_NOT_SUPPORTED 0
#define NVML_GPU_FABRIC_HEALTH_SUMMARY_HEALTHY 1
#define NVML_GPU_FABRIC_HEALTH_SUMMARY_UNHEALTHY 2
#define NVML_GPU_FABRIC_HEALTH_SUMMARY_LIMITED_CAPACITY 3

#define nvmlEventTypeNone 0x0ull
#define nvmlEventTypeSingleBitEccError 0x1ull
#define nvmlEventTypeDoubleBitEccError 0x2ull
#define nvmlEventTypePState 0x4ull
#define nvmlEventTypeXidCriticalError 0x8ull
#define nvmlEventTypeClock 0x10ull
#define nvmlEventTypePowerSourceChange 0x80ull
#define nvmlEventMigConfigChange 0x100ull

#define NVML_DEVICE_MIG_DISABLE 0u
#define NVML_DEVICE_MIG_ENABLE 1u
#define NVML_GPU_INSTANCE_PROFILE_COUNT 0x12u
#define NVML_COMPUTE_INSTANCE_PROFILE_COUNT 0x9u
#define NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED 0u
#define NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT 1u

typedef NVML_ENUM(nvmlValueType_enum){
    NVML_VALUE_TYPE_DOUBLE = 0,
    NVML_VALUE_TYPE_UNSIGNED_INT = 1,
    NVML_VALUE_TYPE_UNSIGNED_LONG = 2,
    NVML_VALUE_TYPE_UNSIGNED_LONG_LONG = 3,
    NVML_VALUE_TYPE_SIGNED_LONG_LONG = 4,
    NVML_VALUE_TYPE_SIGNED_INT = 5,
    NVML_VALUE_TYPE_UNSIGNED_SHORT = 6} nvmlValueType_t;

#define NVML_FI_DEV_ECC_CURRENT 1u
#define NVML_FI_DEV_ECC_PENDING 2u
#define NVML_FI_DEV_ECC_SBE_VOL_TOTAL 3u
#define NVML_FI_DEV_ECC_DBE_VOL_TOTAL 4u
#define NVML_FI_DEV_ECC_SBE_AGG_TOTAL 5u
#define NVML_FI_DEV_ECC_DBE_AGG_TOTAL 6u
#define NVML_FI_DEV_MEMORY_TEMP 82u
#define NVML_FI_DEV_NVLINK_LINK_COUNT 91u
#define NVML_FI_DEV_REMAPPED_COR 142u
#define NVML_FI_DEV_REMAPPED_UNC 143u
#define NVML_FI_DEV_REMAPPED_PENDING 144u
#define NVML_FI_DEV_REMAPPED_FAILURE 145u
#define NVML_FI_DEV_NVLINK_GET_STATE 165u
#define NVML_FI_DEV_POWER_AVERAGE 185u
#define NVML_FI_DEV_POWER_INSTANT 186u
#define NVML_FI_DEV_POWER_CURRENT_LIMIT 190u
/* An unsigned int, one of NVML_GPU_RECOVERY_ACTION_…; since branch 570. */
#define NVML_FI_DEV_GET_GPU_RECOVERY_ACTION 230u
#define NVML_FI_MAX 303u

typedef NVML_ENUM(nvmlDeviceGpuRecoveryAction_enum){
    NVML_GPU_RECOVERY_ACTION_NONE = 0, NVML_GPU_RECOVERY_ACTION_GPU_RESET = 1,
    NVML_GPU_RECOVERY_ACTION_NODE_REBOOT = 2,
    NVML_GPU_RECOVERY_ACTION_DRAIN_P2P = 3,
    NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET = 4} nvmlDeviceGpuRecoveryAction_t;

typedef struct {
  char busIdLegacy[NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE]; /* "0000:0F:00.0" */
  unsigned int domain;
  unsigned int bus;
  unsigned int device;
  unsigned int pciDeviceId; /* device << 16 | vendor */
  unsigned int pciSubSystemId;
  char busId[NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE]; /* "00000000:0F:00.0" */
} nvmlPciInfo_t;
NVML_ASSERT_SIZE(nvmlPciInfo_t, 68);

/* Version 2 of the struct ended after pciSubSystemId (four reserved words
 * followed), version 1 before it. */
#define NVML_PCI_INFO_V1_SIZE 32
#define NVML_PCI_INFO_V2_SIZE 36

typedef struct {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used; /* reserved memory included */
} nvmlMemory_t;
NVML_ASSERT_SIZE(nvmlMemory_t, 24);

typedef struct {
  unsigned int version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used; /* without the reserved memory */
} nvmlMemory_v2_t;
NVML_ASSERT_SIZE(nvmlMemory_v2_t, 40);
#define nvmlMemory_v2 NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2u)

typedef struct {
  unsigned int gpu;
  unsigned int memory;
} nvmlUtilization_t;
NVML_ASSERT_SIZE(nvmlUtilization_t, 8);

typedef struct {
  unsigned int pid;
  unsigned long long usedGpuMemory;
} nvmlProcessInfo_v1_t;
NVML_ASSERT_SIZE(nvmlProcessInfo_v1_t, 16);

typedef struct {
  unsigned int pid;
  unsigned long long usedGpuMemory;
  unsigned int gpuInstanceId;
  unsigned int computeInstanceId;
} nvmlProcessInfo_v2_t;
NVML_ASSERT_SIZE(nvmlProcessInfo_v2_t, 24);
typedef nvmlProcessInfo_v2_t nvmlProcessInfo_t;

typedef struct {
  unsigned int pid;
  unsigned long long timeStamp;
  unsigned int smUtil;
  unsigned int memUtil;
  unsigned int encUtil;
  unsigned int decUtil;
} nvmlProcessUtilizationSample_t;
NVML_ASSERT_SIZE(nvmlProcessUtilizationSample_t, 32);

typedef struct {
  unsigned int multiprocessorCount;
  unsigned int sharedCopyEngineCount;
  unsigned int sharedDecoderCount;
  unsigned int sharedEncoderCount;
  unsigned int sharedJpegCount;
  unsigned int sharedOfaCount;
  unsigned int gpuInstanceSliceCount; /* from here on: version 2 */
  unsigned int computeInstanceSliceCount;
  unsigned long long memorySizeMB;
} nvmlDeviceAttributes_t;
NVML_ASSERT_SIZE(nvmlDeviceAttributes_t, 40);
#define NVML_DEVICE_ATTRIBUTES_V1_SIZE 24

typedef struct {
  nvmlDevice_t device;
  unsigned long long eventType;
  unsigned long long eventData; /* the Xid */
  unsigned int gpuInstanceId;   /* from here on: version 2 */
  unsigned int computeInstanceId;
} nvmlEventData_t;
NVML_ASSERT_SIZE(nvmlEventData_t, 32);
#define NVML_EVENT_DATA_V1_SIZE 24

typedef union {
  double dVal;
  int siVal;
  unsigned int uiVal;
  unsigned long ulVal;
  unsigned long long ullVal;
  signed long long sllVal;
  unsigned short usVal;
} nvmlValue_t;
NVML_ASSERT_SIZE(nvmlValue_t, 8);

typedef struct {
  unsigned int fieldId;
  unsigned int scopeId;
  long long timestamp; /* microseconds since 1970 */
  long long latencyUsec;
  nvmlValueType_t valueType;
  nvmlReturn_t nvmlReturn; /* of this field alone */
  nvmlValue_t value;
} nvmlFieldValue_t;
NVML_ASSERT_SIZE(nvmlFieldValue_t, 40);

typedef struct {
  unsigned int max;
  unsigned int high;
  unsigned int partial;
  unsigned int low;
  unsigned int none;
} nvmlRowRemapperHistogramValues_t;
NVML_ASSERT_SIZE(nvmlRowRemapperHistogramValues_t, 20);

typedef struct {
  unsigned char clusterUuid[NVML_GPU_FABRIC_UUID_LEN];
  nvmlReturn_t status;
  unsigned int cliqueId;
  nvmlGpuFabricState_t state;
} nvmlGpuFabricInfo_t;
NVML_ASSERT_SIZE(nvmlGpuFabricInfo_t, 28);

typedef struct {
  unsigned int version;
  unsigned char clusterUuid[NVML_GPU_FABRIC_UUID_LEN];
  nvmlReturn_t status;
  unsigned int cliqueId;
  nvmlGpuFabricState_t state;
  unsigned int healthMask;
} nvmlGpuFabricInfo_v2_t;
NVML_ASSERT_SIZE(nvmlGpuFabricInfo_v2_t, 36);
#define nvmlGpuFabricInfo_v2 NVML_STRUCT_VERSION(nvmlGpuFabricInfo_v2_t, 2u)

typedef struct {
  unsigned int version;
  unsigned char clusterUuid[NVML_GPU_FABRIC_UUID_LEN];
  nvmlReturn_t status;
  unsigned int cliqueId;
  nvmlGpuFabricState_t state;
  unsigned int healthMask;
  unsigned char healthSummary;
} nvmlGpuFabricInfo_v3_t;
NVML_ASSERT_SIZE(nvmlGpuFabricInfo_v3_t, 40);
#define nvmlGpuFabricInfo_v3 NVML_STRUCT_VERSION(nvmlGpuFabricInfo_v3_t, 3u)
/* What the function is declared with; the caller's version word decides. */
typedef nvmlGpuFabricInfo_v3_t nvmlGpuFabricInfoV_t;

typedef struct {
  unsigned int start;
  unsigned int size;
} nvmlGpuInstancePlacement_t;
NVML_ASSERT_SIZE(nvmlGpuInstancePlacement_t, 8);
typedef nvmlGpuInstancePlacement_t nvmlComputeInstancePlacement_t;

typedef struct {
  unsigned int id;
  unsigned int isP2pSupported;
  unsigned int sliceCount;
  unsigned int instanceCount;
  unsigned int multiprocessorCount;
  unsigned int copyEngineCount;
  unsigned int decoderCount;
  unsigned int encoderCount;
  unsigned int jpegCount;
  unsigned int ofaCount;
  unsigned long long memorySizeMB;
} nvmlGpuInstanceProfileInfo_t;
NVML_ASSERT_SIZE(nvmlGpuInstanceProfileInfo_t, 48);

typedef struct {
  unsigned int version;
  unsigned int id;
  unsigned int isP2pSupported;
  unsigned int sliceCount;
  unsigned int instanceCount;
  unsigned int multiprocessorCount;
  unsigned int copyEngineCount;
  unsigned int decoderCount;
  unsigned int encoderCount;
  unsigned int jpegCount;
  unsigned int ofaCount;
  unsigned long long memorySizeMB;
  char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
} nvmlGpuInstanceProfileInfo_v2_t;
NVML_ASSERT_SIZE(nvmlGpuInstanceProfileInfo_v2_t, 152);
#define nvmlGpuInstanceProfileInfo_v2 \
  NVML_STRUCT_VERSION(nvmlGpuInstanceProfileInfo_v2_t, 2u)

typedef struct {
  unsigned int version;
  unsigned int id;
  unsigned int sliceCount;
  unsigned int instanceCount;
  unsigned int multiprocessorCount;
  unsigned int copyEngineCount;
  unsigned int decoderCount;
  unsigned int encoderCount;
  unsigned int jpegCount;
  unsigned int ofaCount;
  unsigned long long memorySizeMB;
  char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
  unsigned int capabilities;
} nvmlGpuInstanceProfileInfo_v3_t;
NVML_ASSERT_SIZE(nvmlGpuInstanceProfileInfo_v3_t, 152);
#define nvmlGpuInstanceProfileInfo_v3 \
  NVML_STRUCT_VERSION(nvmlGpuInstanceProfileInfo_v3_t, 3u)

typedef struct {
  nvmlDevice_t device;
  unsigned int id;
  unsigned int profileId;
  nvmlGpuInstancePlacement_t placement;
} nvmlGpuInstanceInfo_t;
NVML_ASSERT_SIZE(nvmlGpuInstanceInfo_t, 24);

typedef struct {
  unsigned int id;
  unsigned int sliceCount;
  unsigned int instanceCount;
  unsigned int multiprocessorCount;
  unsigned int sharedCopyEngineCount;
  unsigned int sharedDecoderCount;
  unsigned int sharedEncoderCount;
  unsigned int sharedJpegCount;
  unsigned int sharedOfaCount;
} nvmlComputeInstanceProfileInfo_t;
NVML_ASSERT_SIZE(nvmlComputeInstanceProfileInfo_t, 36);

typedef struct {
  nvmlDevice_t device;
  nvmlGpuInstance_t gpuInstance;
  unsigned int id;
  unsigned int profileId;
  nvmlComputeInstancePlacement_t placement; /* version 2 */
} nvmlComputeInstanceInfo_t;
NVML_ASSERT_SIZE(nvmlComputeInstanceInfo_t, 32);
#define NVML_COMPUTE_INSTANCE_INFO_V1_SIZE 24

typedef struct {
  unsigned int version;
  int marginTemperature;
} nvmlMarginTemperature_t;
NVML_ASSERT_SIZE(nvmlMarginTemperature_t, 8);
#define nvmlMarginTemperature_v1 \
  NVML_STRUCT_VERSION(nvmlMarginTemperature_t, 1u)

typedef struct {
  unsigned int version;
  nvmlTemperatureSensors_t sensorType;
  int temperature;
} nvmlTemperature_t;
NVML_ASSERT_SIZE(nvmlTemperature_t, 12);
#define nvmlTemperature_v1 NVML_STRUCT_VERSION(nvmlTemperature_t, 1u)

typedef struct {
  unsigned int version;
  unsigned int value; /* 0 none, 1 HMM, 2 ATS */
} nvmlDeviceAddressingMode_t;
NVML_ASSERT_SIZE(nvmlDeviceAddressingMode_t, 8);
#define nvmlDeviceAddressingMode_v1 \
  NVML_STRUCT_VERSION(nvmlDeviceAddressingMode_t, 1u)

typedef struct {
  unsigned int version; /* 1, not a version word */
  unsigned int isSupportedDevice;
} nvmlGpmSupport_t;
NVML_ASSERT_SIZE(nvmlGpmSupport_t, 8);

/* The functions. Declared, never linked: callers take their addresses from
 * dlsym. The stubs of the simulated library define them otherwise. */
#ifndef GPUWARD_NVML_NO_PROTOTYPES
nvmlReturn_t nvmlInit(void);
nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlInitWithFlags(unsigned int);
nvmlReturn_t nvmlShutdown(void);
const char* nvmlErrorString(nvmlReturn_t);
nvmlReturn_t nvmlSystemGetDriverVersion(char*, unsigned int);
nvmlReturn_t nvmlSystemGetNVMLVersion(char*, unsigned int);
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int*);
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int*);
nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char*, unsigned int);

nvmlReturn_t nvmlDeviceGetCount(unsigned int*);
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int*);
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int, nvmlDevice_t*);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int, nvmlDevice_t*);
nvmlReturn_t nvmlDeviceGetHandleByUUID(const char*, nvmlDevice_t*);
nvmlReturn_t nvmlDeviceGetHandleBySerial(const char*, nvmlDevice_t*);
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char*, nvmlDevice_t*);
nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char*, nvmlDevice_t*);

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t, char*, unsigned int);
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t, char*, unsigned int);
nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t, char*, unsigned int);
nvmlReturn_t nvmlDeviceGetBoardPartNumber(nvmlDevice_t, char*, unsigned int);
nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t, char*, unsigned int);
nvmlReturn_t nvmlDeviceGetInforomImageVersion(nvmlDevice_t, char*,
                                              unsigned int);
nvmlReturn_t nvmlDeviceGetInforomVersion(nvmlDevice_t, nvmlInforomObject_t,
                                         char*, unsigned int);
/* The buffer has NVML_GSP_FIRMWARE_VERSION_BUF_SIZE bytes. */
nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t, char*);
nvmlReturn_t nvmlDeviceGetGspFirmwareMode(nvmlDevice_t, unsigned int* enabled,
                                          unsigned int* standard);
nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t, nvmlDeviceArchitecture_t*);
nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t, nvmlBrandType_t*);
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t, int* major,
                                                int* minor);
nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t, nvmlPciInfo_t*);
nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t, nvmlPciInfo_t*);
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t, nvmlPciInfo_t*);
nvmlReturn_t nvmlDeviceGetAddressingMode(nvmlDevice_t,
                                         nvmlDeviceAddressingMode_t*);

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t, nvmlMemory_t*);
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t, nvmlMemory_v2_t*);
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t, nvmlUtilization_t*);
nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t, unsigned int*,
                                             unsigned int* period);
nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t, unsigned int*,
                                             unsigned int* period);
nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t, nvmlClockType_t, nvmlClockId_t,
                                unsigned int*);
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t, nvmlClockType_t,
                                    unsigned int*);
nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t, nvmlClockType_t,
                                       unsigned int*);
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t,
                                                    unsigned long long*);
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t,
                                                       unsigned long long*);
nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t, nvmlPstates_t*);
nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t, nvmlPstates_t*);
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t, nvmlTemperatureSensors_t,
                                      unsigned int*);
nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t, nvmlTemperature_t*);
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t,
                                               nvmlTemperatureThresholds_t,
                                               unsigned int*);
nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t,
                                            nvmlMarginTemperature_t*);
nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t,
                                                      unsigned int*);
nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t, nvmlEnableState_t* current,
                                  nvmlEnableState_t* pending);
nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t, nvmlMemoryErrorType_t,
                                         nvmlEccCounterType_t,
                                         unsigned long long*);
nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t,
                                             nvmlMemoryErrorType_t,
                                             nvmlEccCounterType_t,
                                             nvmlMemoryLocation_t,
                                             unsigned long long*);
nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t, unsigned int* correctable,
                                       unsigned int* uncorrectable,
                                       unsigned int* pending,
                                       unsigned int* failed);
nvmlReturn_t nvmlDeviceGetRowRemapperHistogram(
    nvmlDevice_t, nvmlRowRemapperHistogramValues_t*);
nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t, nvmlPcieUtilCounter_t,
                                         unsigned int*);
nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t, nvmlEnableState_t*);
nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t, nvmlComputeMode_t*);
nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t, nvmlEnableState_t*);
nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t, nvmlEnableState_t*);
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t, int, nvmlFieldValue_t*);
nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t, nvmlGpmSupport_t*);

nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t, unsigned int link,
                                      nvmlEnableState_t*);
nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo(nvmlDevice_t, unsigned int link,
                                              nvmlPciInfo_t*);
nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t,
                                                 unsigned int link,
                                                 nvmlPciInfo_t*);
nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t,
                                                 unsigned int link,
                                                 nvmlIntNvLinkDeviceType_t*);
nvmlReturn_t nvmlDeviceGetNvLinkErrorCounter(nvmlDevice_t, unsigned int link,
                                             nvmlNvLinkErrorCounter_t,
                                             unsigned long long*);
nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t, nvmlDevice_t,
                                                 nvmlGpuTopologyLevel_t*);
nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t, nvmlDevice_t,
                                    nvmlGpuP2PCapsIndex_t, nvmlGpuP2PStatus_t*);
nvmlReturn_t nvmlDeviceGetGpuFabricInfo(nvmlDevice_t, nvmlGpuFabricInfo_t*);
nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t, nvmlGpuFabricInfoV_t*);

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t, unsigned int*,
                                                  nvmlProcessInfo_v1_t*);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t,
                                                     unsigned int*,
                                                     nvmlProcessInfo_v2_t*);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t,
                                                     unsigned int*,
                                                     nvmlProcessInfo_t*);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t, unsigned int*,
                                                   nvmlProcessInfo_v1_t*);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t,
                                                      unsigned int*,
                                                      nvmlProcessInfo_v2_t*);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t,
                                                      unsigned int*,
                                                      nvmlProcessInfo_t*);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(nvmlDevice_t,
                                                     unsigned int*,
                                                     nvmlProcessInfo_v1_t*);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(nvmlDevice_t,
                                                        unsigned int*,
                                                        nvmlProcessInfo_v2_t*);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t,
                                                        unsigned int*,
                                                        nvmlProcessInfo_t*);
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t,
                                             nvmlProcessUtilizationSample_t*,
                                             unsigned int*,
                                             unsigned long long since);

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t, unsigned int* current,
                                  unsigned int* pending);
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t, unsigned int,
                                                 nvmlDevice_t*);
nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t,
                                                          nvmlDevice_t*);
nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t, unsigned int*);
nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t, nvmlDeviceAttributes_t*);
nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t, nvmlDeviceAttributes_t*);
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t,
                                                 unsigned int profile,
                                                 nvmlGpuInstanceProfileInfo_t*);
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(
    nvmlDevice_t, unsigned int profile, nvmlGpuInstanceProfileInfo_v2_t*);
/* The array must have room for all; NULL asks for the count. */
nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements(
    nvmlDevice_t, unsigned int profile_id, nvmlGpuInstancePlacement_t*,
    unsigned int*);
nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(
    nvmlDevice_t, unsigned int profile_id, nvmlGpuInstancePlacement_t*,
    unsigned int*);
nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t, unsigned int profile_id,
                                       nvmlGpuInstance_t*, unsigned int*);
nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t, unsigned int,
                                          nvmlGpuInstance_t*);
nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t, nvmlGpuInstanceInfo_t*);
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(
    nvmlGpuInstance_t, unsigned int profile, unsigned int engine_profile,
    nvmlComputeInstanceProfileInfo_t*);
nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t,
                                                unsigned int profile_id,
                                                nvmlComputeInstance_t*,
                                                unsigned int*);
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(nvmlGpuInstance_t,
                                                   unsigned int,
                                                   nvmlComputeInstance_t*);
nvmlReturn_t nvmlComputeInstanceGetInfo(nvmlComputeInstance_t,
                                        nvmlComputeInstanceInfo_t*);
nvmlReturn_t nvmlComputeInstanceGetInfo_v2(nvmlComputeInstance_t,
                                           nvmlComputeInstanceInfo_t*);

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t,
                                              unsigned long long*);
nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t*);
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t, unsigned long long types,
                                      nvmlEventSet_t);
nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t, nvmlEventData_t*,
                              unsigned int timeout_ms);
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t, nvmlEventData_t*,
                                 unsigned int timeout_ms);
nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t);
#endif

#ifdef __cplusplus
}
#endif

#endif
