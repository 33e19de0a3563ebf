/* segment_name - a file's name says which record comes first in it. */

#include "transport/disk/segment_name.h"

#include <stdio.h>
#include <string.h>

void
segment_name(char out[SEGMENT_NAME], struct position first, const char *suffix)
{
    snprintf(out, SEGMENT_NAME, "%016llx-%016llx%s", (unsigned long long)first.run,
             (unsigned long long)first.sequence, suffix);
}

bool
segment_name_read(const char *name, const char *suffix, struct position *ret)
{
    char again[SEGMENT_NAME];
    unsigned long long run, sequence;
    if (sscanf(name, "%16llx-%16llx", &run, &sequence) != 2)
        return false;
    *ret = (struct position){run, sequence};
    segment_name(again, *ret, suffix);
    return strcmp(name, again) == 0;
}
