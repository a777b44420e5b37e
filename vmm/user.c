/* SPDX-License-Identifier: MIT */
#include "vmm/user.h"

#include <pwd.h>
#include <stdio.h>

const char *user_text(uid_t uid, char text[USER_TEXT_MAX])
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd entry = {0}, *found = NULL;
	char words[4096];

	snprintf(text, USER_TEXT_MAX, "%u", uid);
	while (file && !fgetpwent_r(file, &entry, words, sizeof(words), &found)) {
		if (entry.pw_uid != uid)
			continue;
		snprintf(text, USER_TEXT_MAX, "%u %s", uid, entry.pw_name);
		break;
	}
	if (file)
		fclose(file);
	return text;
}
