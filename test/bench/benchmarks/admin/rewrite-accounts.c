/* The work of the original when it adds one account to a domain, for comparison: copy vpasswd line by line into vpasswd.bak.PID with the new line in its place, rename it, build
 * cdb.tmp from the text, rename it to vpasswd.cdb; and all of that once more, since the original sets the quota by a second rewrite. No fsync, as the original.
 *
 *   rewrite-accounts DIRECTORY LINE
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
  uint32_t hash, position;
};
static struct entry *tables[256];
static size_t used[256], room[256];

static void put(FILE *file, uint32_t number) {
  unsigned char bytes[4] = {number, number >> 8, number >> 16, number >> 24};
  fwrite(bytes, 1, 4, file);
}

static void build(const char *text, const char *temporary, const char *cdb) {
  char line[1024];
  uint32_t position = 2048, starts[256];
  FILE *in = fopen(text, "r"), *out = fopen(temporary, "w");
  if (in == NULL || out == NULL) exit(111);
  memset(used, 0, sizeof used);
  for (int i = 0; i < 512; i++) put(out, 0);
  while (fgets(line, sizeof line, in)) {
    char *colon = strchr(line, ':');
    if (colon == NULL) continue;
    size_t key = colon - line, data = strcspn(colon + 1, "\n");
    uint32_t hash = 5381;
    for (size_t i = 0; i < key; i++) hash = (hash * 33) ^ (unsigned char)line[i];
    int number = hash & 255;
    if (used[number] == room[number]) {
      room[number] = room[number] * 2 + 64;
      tables[number] = realloc(tables[number], room[number] * sizeof(struct entry));
    }
    tables[number][used[number]++] = (struct entry){hash, position};
    put(out, key);
    put(out, data);
    fwrite(line, 1, key, out);
    fwrite(colon + 1, 1, data, out);
    position += 8 + key + data;
  }
  for (int number = 0; number < 256; number++) {
    size_t slots = used[number] * 2;
    struct entry *table = calloc(slots + 1, sizeof *table);
    starts[number] = position;
    for (size_t i = 0; i < used[number]; i++) {
      size_t slot = (tables[number][i].hash >> 8) % slots;
      while (table[slot].position) slot = slot + 1 == slots ? 0 : slot + 1;
      table[slot] = tables[number][i];
    }
    for (size_t slot = 0; slot < slots; slot++) {
      put(out, table[slot].hash);
      put(out, table[slot].position);
    }
    position += slots * 8;
    free(table);
  }
  rewind(out);
  for (int number = 0; number < 256; number++) {
    put(out, starts[number]);
    put(out, used[number] * 2);
  }
  fclose(in);
  fclose(out);
  rename(temporary, cdb);
}

static void rewrite(const char *added) {
  char temporary[64], line[1024];
  snprintf(temporary, sizeof temporary, "vpasswd.bak.%ld", (long)getpid());
  FILE *in = fopen("vpasswd", "r+"), *out = fopen(temporary, "w+");
  if (in == NULL || out == NULL) exit(111);
  while (fgets(line, sizeof line, in)) {
    if (added != NULL && strcmp(line, added) > 0) {
      fprintf(out, "%s\n", added);
      added = NULL;
    }
    fputs(line, out);
  }
  if (added != NULL) fprintf(out, "%s\n", added);
  fclose(in);
  fclose(out);
  rename(temporary, "vpasswd");
  build("vpasswd", "cdb.tmp", "vpasswd.cdb");
}

int main(int count, char **arguments) {
  if (count < 3 || chdir(arguments[1]) != 0) return 100;
  rewrite(arguments[2]);
  rewrite(NULL);
  return 0;
}
