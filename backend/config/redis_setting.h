#ifndef CONFIG_REDIS_SETTING_H
#define CONFIG_REDIS_SETTING_H

/* transport redis as a whole: works out redis_servers, refuses what contradicts itself. */

#include "config/settings.h"

void redis_setting_judge(struct config *);

#endif
