/* The sum that files are known by. */

#include "transport/disk/crc.h"

#include "unit/guard.h"

START_TEST(it_is_the_one_that_everybody_knows)
{
    ck_assert_uint_eq(~crc_add(~0u, SLICE("123456789")), 0xe3069283);
}
END_TEST

START_TEST(it_goes_on_where_it_ended)
{
    ck_assert_uint_eq(crc_add(crc_add(~0u, SLICE("1234")), SLICE("56789")),
                      crc_add(~0u, SLICE("123456789")));
}
END_TEST

UNIT_MAIN("crc", it_is_the_one_that_everybody_knows, it_goes_on_where_it_ended)
