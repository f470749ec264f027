import { useEffect, useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import { useSignIn } from '../api/session.ts';
import { Command } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { Mark } from '../parts/mark.tsx';

export function SignInPage() {
  const [token, setToken] = useState('');
  const signIn = useSignIn();
  useEffect(() => {
    document.title = 'Sign in · Quiver';
  }, []);
  return (
    <main className="sign-in">
      <h1>
        <Mark /> Quiver
      </h1>
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate(token.trim());
        }}
      >
        <h2>Sign in</h2>
        {/* Password managers keep a secret under a name. */}
        <input type="text" name="username" autoComplete="username" value="admin" readOnly hidden />
        <TextField
          value={token}
          onChange={setToken}
          type="password"
          autoComplete="current-password"
          autoFocus
          isRequired
        >
          <Label>Admin token</Label>
          <Input />
        </TextField>
        {signIn.isError && <Failure error={signInError(signIn.error)} />}
        <Button
          type="submit"
          className="button button-solid"
          isDisabled={signIn.isPending || token.trim() === ''}
        >
          Sign in
        </Button>
        <p>
          The admin token is in the file <code>admin-token</code> of the server’s data folder, unless the
          server was given one as <code>QUIVER_ADMIN_TOKEN</code>. The server names the file each time it
          starts.
        </p>
        <Command>cat data/admin-token</Command>
      </form>
    </main>
  );
}

function signInError(error: Error): Error {
  const status = 'status' in error ? error.status : undefined;
  if (status === 401) return new Error('This is not the admin token of this server.');
  if (status === 429)
    return new Error('Too many failed attempts from this address. Wait a minute, then try again.');
  return error;
}
