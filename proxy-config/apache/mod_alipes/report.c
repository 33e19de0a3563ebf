/* report - Apache's error log, for files that know nothing of Apache. */

#include "mod_alipes/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "httpd.h"

#include "http_log.h"
#include "http_main.h"

extern module AP_MODULE_DECLARE_DATA alipes_module;
APLOG_USE_MODULE(alipes);

static const int levels[] = {
    [REPORT_ERROR] = APLOG_ERR,
    [REPORT_NOTICE] = APLOG_NOTICE,
    [REPORT_INFO] = APLOG_INFO,
};

void
report(enum report level, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ap_log_error(APLOG_MARK, levels[level], 0, ap_server_conf, "alipes: %s", text);
}
