const char *greeting(void);
int main(void) { return greeting()[0] == 0; }
