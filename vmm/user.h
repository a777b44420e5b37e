/* SPDX-License-Identifier: MIT */
#ifndef VMM_USER_H
#define VMM_USER_H

#include <sys/types.h>

#define USER_TEXT_MAX 64

/*
 * A user for people: "1000 ann", or the number alone where /etc/passwd does not know it. Other
 * sources of names are not asked: a static program has no plug-ins for them.
 */
const char *user_text(uid_t uid, char text[USER_TEXT_MAX]);

#endif
