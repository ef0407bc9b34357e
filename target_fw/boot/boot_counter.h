/* The anti-rollback counter: a number in internal flash that never goes back, whenever power fails.
 *
 * It is a log that is only added to; there is no code that erases it. A value is written twice, and
 * then a record that says so. A cut leaves at most the word that was being programmed in doubt,
 * even if it reads erased, and the log goes on behind the last word that does not. So of the three
 * only the first can lie where an earlier life was cut; when the third is there, the second holds.
 * A value that is found without the third is written anew before anybody relies on it. */
#ifndef GANGD_TARGET_FW_BOOT_BOOT_COUNTER_H
#define GANGD_TARGET_FW_BOOT_BOOT_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/boot/boot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Words that raising it takes: 8 KB are good for 170 times. */
#define BOOT_COUNTER_WORDS 3

/* The value, which holds from now on. 0 in an erased log. False: it cannot be made to hold. */
bool boot_counter_read(const struct boot_rules* rules, const struct boot_port* port,
                       uint32_t* value);

/* Raises it to `value`; nothing is written if it is there already. False: it has not been raised,
 * because the log is full or cannot be written. */
bool boot_counter_raise(const struct boot_rules* rules, const struct boot_port* port,
                        uint32_t value);

#ifdef __cplusplus
}
#endif

#endif
