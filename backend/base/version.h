#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define VERSION "0.1.0"

/* What `alipes --version` adds. */
#ifdef ALIPES_STATIC
#define BUILD " (static)"
#else
#define BUILD ""
#endif

#endif
