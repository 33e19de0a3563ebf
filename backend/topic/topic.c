/* topic - the text of a topic, and what is known about it. */

#include "topic/topic.h"

void
topic_fini(struct topic *t)
{
    *t = topic_of(t->text);
}
