// What every page has: theme, keys, help, forms that answer in place.
import { offerHelp } from "./help.js";
import { listenForKeys } from "./keys.js";
import { listenForForms } from "./swap.js";
import { offerThemes } from "./theme.js";

offerThemes();
offerHelp();
listenForKeys();
listenForForms();
