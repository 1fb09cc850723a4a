import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// A fact that does not come fails a test; one that is slow to come does not.
configure({ asyncUtilTimeout: 20_000 });

afterEach(cleanup);
