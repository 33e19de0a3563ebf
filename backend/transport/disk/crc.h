#ifndef TRANSPORT_DISK_CRC_H
#define TRANSPORT_DISK_CRC_H

/* CRC-32C, by which bytes that come back from the disk are known for those that were written. */

#include "base/slice.h"

/* Begun with ~0 and ended with ~, this is the CRC-32C that everybody knows. */
uint32_t crc_add(uint32_t begin, struct slice);

#endif
