#ifndef GATEWAY_FASTCGI_REQUEST_TABLE_H
#define GATEWAY_FASTCGI_REQUEST_TABLE_H

/* The requests of a connection by their ids. */

#include <stdint.h>

enum {
    REQUEST_TABLE_PIECE = 256
};

struct fastcgi_request;

struct request_table {
    struct fastcgi_request **pieces[65536 / REQUEST_TABLE_PIECE]; /* owns; NULL: none in it */
    uint16_t used[65536 / REQUEST_TABLE_PIECE];
};

/* NULL: none, also where the table is NULL. */
struct fastcgi_request *request_table_find(const struct request_table *, uint16_t id);
void request_table_add(struct request_table *, uint16_t id, struct fastcgi_request *);
void request_table_remove(struct request_table *, uint16_t id); /* one that is in it */

#endif
