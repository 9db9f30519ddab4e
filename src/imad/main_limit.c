// SPDX-License-Identifier: GPL-2.0-or-later
/* What can happen at every use of a file must not fill the logs. */
#include <time.h>

#include <imad/log.h>

#include "main.h"

bool daemon_may_tell(struct limit *l, const char *what)
{
	unsigned int held_back = 0;
	struct timespec now;
	bool may;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&l->lock);
	if (now.tv_sec != l->second) {
		held_back = l->told > l->most ? l->told - l->most : 0;
		l->told = 0;
	}
	l->second = now.tv_sec;
	may = l->told++ < l->most;
	pthread_mutex_unlock(&l->lock);
	if (held_back)
		log_msg(LOG_WARNING, "%u %s more were not told", held_back, what);
	return may;
}
