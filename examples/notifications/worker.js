import { lead } from "./stream.js";
lead(self.name);
